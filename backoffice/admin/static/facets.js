// Counts beside the values of the filters: asked for once the page is there, and left out where there are none.

const form = document.querySelector("[data-facets-url]");

if (form) (window.requestIdleCallback ?? setTimeout)(ask);

async function ask() {
  try {
    const answer = await fetch(form.dataset.facetsUrl, { headers: { Accept: "application/json" } });
    if (answer.ok) show((await answer.json()).facets);
  } catch {
    // The list is whole without them.
  }
}

function show(facets) {
  for (const [name, { counts, popular }] of Object.entries(facets)) {
    for (const control of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (control instanceof HTMLSelectElement) showInSelect(control, counts, popular);
      else if (counts[control.value]) control.closest("label").append(mark(counts[control.value]));
    }
  }
}

function showInSelect(select, counts, popular) {
  if (select.matches("[data-picker]")) {
    select.dataset.counts = JSON.stringify(counts);
    select.dataset.popular = JSON.stringify(popular);
    return;
  }
  for (const option of select.options) {
    if (counts[option.value]) option.text += ` (${counts[option.value]})`;
  }
}

function mark(count) {
  const element = document.createElement("span");
  element.className = "facet-count";
  element.textContent = count;
  const noun = document.createElement("span");
  noun.className = "visually-hidden";
  noun.textContent = count === "1" ? " row" : " rows";
  element.append(noun);
  return element;
}
