// Turns a select with `data-picker` into a search (the ARIA combobox pattern). The select stays in the
// form, hidden, and holds what was picked; it is what is submitted, and all there is without this script.
// `data-lookup-url` answers `?term=…` with {"results": [{"id": …, "text": …}]}.

const WAIT = 200;

class Picker {
  constructor(select) {
    this.select = select;
    this.fixed = [...select.options].filter((option) => option.value).map((option) => ({ id: option.value, text: option.text }));
    this.build();
    this.listen();
    this.show();
  }

  // What most rows have, once that is known: it is offered first, each with the number of its rows.
  popular() {
    return JSON.parse(this.select.dataset.popular ?? "[]");
  }

  counts() {
    return JSON.parse(this.select.dataset.counts ?? "{}");
  }

  build() {
    const id = this.select.id;
    this.input = element("input", { id, type: "text", role: "combobox", autocomplete: "off", dir: "auto" });
    this.input.setAttribute("aria-expanded", "false");
    this.input.setAttribute("aria-autocomplete", "list");
    this.input.setAttribute("aria-controls", `${id}-list`);
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (this.select.hasAttribute(name)) this.input.setAttribute(name, this.select.getAttribute(name));
    }
    if (this.select.required) this.input.setAttribute("aria-required", "true");
    this.list = element("div", { id: `${id}-list`, role: "listbox", className: "combo-list", hidden: true });
    this.list.setAttribute("aria-label", "Suggestions");
    this.note = element("div", { className: "visually-hidden", role: "status" });
    this.clear = element("button", { type: "button", className: "combo-clear" }, icon("x"));
    this.clear.setAttribute("aria-label", "Clear");
    this.combo = element("div", { className: "combo" }, this.input, this.clear, this.list, this.note);
    this.select.id = `${id}-select`;
    this.select.dataset.inputId = id;
    this.select.hidden = true;
    this.select.after(this.combo);
  }

  listen() {
    this.input.addEventListener("input", () => this.lookUpSoon());
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.input.addEventListener("click", () => this.lookUp(""));
    this.combo.addEventListener("focusout", (event) => {
      if (!this.combo.contains(event.relatedTarget)) this.close(true);
    });
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.pick(this.found[Number(option.dataset.index)]);
    });
    this.clear.addEventListener("click", () => {
      this.choose([]);
      this.input.focus();
    });
    this.combo.addEventListener("click", (event) => {
      const chip = event.target.closest("[data-drop]");
      if (chip) this.drop(chip.dataset.drop);
    });
  }

  press(event) {
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (isOpen) this.step(event.key === "ArrowDown" ? 1 : -1);
      else this.lookUp("");
    } else if (event.key === "Enter" && (isOpen || this.isLooking) && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      // Who types and goes on is quicker than the answer: the first result is taken when it comes.
      if (this.isLooking) this.takesFirst = true;
      else if (this.at >= 0) this.pick(this.found[this.at]);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      this.close(true);
    } else if (event.key === "Backspace" && this.select.multiple && !this.input.value) {
      const last = this.picked().at(-1);
      if (last) this.drop(last.id);
    }
  }

  lookUpSoon() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.isLooking = true;
    this.takesFirst = false;
    this.timer = setTimeout(() => this.lookUp(this.input.value.trim()), WAIT);
  }

  async lookUp(term) {
    this.asking?.abort();
    this.asking = new AbortController();
    const url = new URL(this.select.dataset.lookupUrl, document.baseURI);
    url.searchParams.set("term", term);
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, signal: this.asking.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      this.offer(this.matchingFixed(term).concat((await answer.json()).results));
    } catch (error) {
      if (error.name !== "AbortError") this.say("The look-up failed. Try again.");
    }
  }

  // Options that the page itself brought (such as "nobody") come first, unless the term rules them out.
  matchingFixed(term) {
    return this.fixed.concat(this.popular()).filter((option) => option.text.toLowerCase().includes(term.toLowerCase()));
  }

  offer(results) {
    this.isLooking = false;
    const known = new Set();
    this.found = results.filter(({ id }) => !known.has(String(id)) && known.add(String(id)));
    if (!this.found.length) {
      this.say("Nothing found.");
      return;
    }
    const picked = new Set(this.picked().map((option) => option.id));
    const counts = this.counts();
    this.list.replaceChildren(...this.found.map((result, index) => {
      const option = element("div", { role: "option", id: `${this.list.id}-${index}`, dir: "auto" }, element("bdi", { textContent: result.text }));
      if (counts[result.id]) option.append(element("span", { className: "facet-count", textContent: counts[result.id] }));
      option.dataset.index = index;
      option.setAttribute("aria-selected", String(picked.has(String(result.id))));
      return option;
    }));
    this.open();
    this.note.textContent = this.found.length === 1 ? "1 suggestion" : `${this.found.length} suggestions`;
    this.mark(this.input.value ? 0 : -1);
    if (this.takesFirst) this.pick(this.found[0]);
  }

  say(sentence) {
    this.isLooking = false;
    this.found = [];
    this.list.replaceChildren(element("div", { className: "combo-note", textContent: sentence }));
    this.note.textContent = sentence;
    this.open();
    this.mark(-1);
  }

  open() {
    if (!this.combo.contains(document.activeElement)) return;
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close(isForgotten) {
    clearTimeout(this.timer);
    this.isLooking = this.takesFirst = false;
    this.asking?.abort();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    if (isForgotten) this.show();
  }

  step(by) {
    const count = this.found.length;
    if (count) this.mark((this.at + by + count) % count);
  }

  mark(index) {
    this.at = index;
    const options = [...this.list.querySelectorAll("[role=option]")];
    options.forEach((option, position) => option.classList.toggle("is-at", position === index));
    if (index < 0 || !options[index]) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    this.input.setAttribute("aria-activedescendant", options[index].id);
    options[index].scrollIntoView({ block: "nearest" });
  }

  pick(result) {
    if (!result) return;
    const picked = this.picked().filter((option) => option.id !== String(result.id));
    const wasThere = picked.length < this.picked().length;
    if (!this.select.multiple) this.choose([result]);
    else this.choose(wasThere ? picked : [...picked, result]);
  }

  drop(id) {
    this.choose(this.picked().filter((option) => option.id !== id));
    this.input.focus();
  }

  picked() {
    return [...this.select.selectedOptions].filter((option) => option.value).map((option) => ({ id: option.value, text: option.text }));
  }

  choose(results) {
    const blank = this.select.multiple ? [] : [new Option("", "", results.length === 0, results.length === 0)];
    this.select.replaceChildren(...blank, ...results.map(({ id, text }) => new Option(text, id, true, true)));
    this.input.value = "";
    this.close(true);
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  show() {
    const picked = this.picked();
    for (const chip of this.combo.querySelectorAll(".combo-chip")) chip.remove();
    this.clear.hidden = picked.length === 0;
    if (this.select.multiple) {
      this.input.value = "";
      this.input.before(...picked.map(chipOf));
      this.input.placeholder = picked.length ? "" : this.select.dataset.placeholder ?? "Search…";
    } else {
      this.input.value = picked[0]?.text ?? "";
      this.input.placeholder = this.select.dataset.placeholder ?? "Search…";
    }
  }
}

function chipOf({ id, text }) {
  const button = element("button", { type: "button" }, icon("x"));
  button.dataset.drop = id;
  button.setAttribute("aria-label", `Remove ${text}`);
  return element("span", { className: "combo-chip" }, element("bdi", { textContent: text }), button);
}

function icon(name) {
  const mark = element("i", { className: `ti ti-${name}` });
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "role") made.setAttribute("role", value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

makePickers(document);
// Parts of a page that come later say so themselves.
document.addEventListener("backoffice:added", (event) => makePickers(event.target));

function makePickers(root) {
  for (const select of root.querySelectorAll("select[data-picker]")) new Picker(select);
}
