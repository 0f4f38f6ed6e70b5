// The form of an advanced filter. On a list it opens in a dialog; it is laid anew, by the server, as soon as a
// field, an operator or a button changes what it asks for. Without this script each of that is a page of its own.

const link = document.querySelector("[data-where-link]");

link?.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link.href);
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-where]");
  const button = event.submitter?.name === "do" ? event.submitter.value : "show";
  if (!form || button === "show") return;
  event.preventDefault();
  lay(form, button);
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-where]");
  if (form && event.target.matches("[data-refresh]")) lay(form, "refresh", event.target.name);
});

async function open(url) {
  const form = await fetched(url);
  if (!form) {
    location.assign(url);
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.className = "where-dialog";
  dialog.setAttribute("aria-labelledby", "where-title");
  dialog.append(form);
  dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-where-cancel]")) return;
    event.preventDefault();
    dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  added(form);
}

async function lay(form, button, name) {
  const query = new URLSearchParams(new FormData(form));
  query.set("do", button);
  const laid = await fetched(`${form.action}?${query}`);
  if (!laid) {
    location.assign(`${form.action}?${query}`);
    return;
  }
  form.replaceWith(laid);
  added(laid);
  const next = name ? laid.elements.namedItem(name) : laid.querySelector("[autofocus]");
  (next ?? laid.querySelector("[data-add]"))?.focus();
}

async function fetched(url) {
  try {
    const answer = await fetch(url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return document.adoptNode(page.querySelector("[data-where]"));
  } catch {
    return null;
  }
}

function added(form) {
  form.dispatchEvent(new CustomEvent("backoffice:added", { bubbles: true }));
}
