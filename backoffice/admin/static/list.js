// Ticking rows: all on the page, a range with Shift, all that match; and a click on a row opens it.

const list = document.querySelector("[data-list]");
if (list) start(list);

function start(list) {
  const boxes = [...list.querySelectorAll("[name=pks]")];
  const all = list.querySelector("[data-tick-all]");
  const scope = list.querySelector("[data-scope-all]");
  const count = list.querySelector("[data-count]");
  let last = null;

  list.addEventListener("click", (event) => {
    const index = boxes.indexOf(event.target);
    if (index >= 0) {
      if (event.shiftKey && last !== null) tickRange(last, index, event.target.checked);
      last = index;
    } else if (event.target.closest("[data-tick-none]")) {
      tickEach(false);
    } else {
      openRow(event);
    }
  });
  list.addEventListener("change", (event) => {
    if (event.target === all) tickEach(all.checked);
    if (event.target === scope) followScope();
    show();
  });
  if (boxes.length) {
    followScope();
    show();
    window.addEventListener("pageshow", show);
  }

  function tickEach(isTicked) {
    if (scope?.checked) {
      scope.checked = false;
      followScope();
    }
    for (const box of boxes) box.checked = isTicked;
    show();
    if (!isTicked) all.focus();
  }

  function tickRange(from, to, isTicked) {
    for (const box of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) box.checked = isTicked;
  }

  // With "all that match", the boxes are not what counts: they say so by resting.
  function followScope() {
    for (const box of boxes) {
      if (scope.checked) box.checked = true;
      box.disabled = scope.checked;
    }
  }

  function show() {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    const words = ticked === 1 ? "1 row ticked" : `${ticked} rows ticked`;
    count.textContent = scope.checked ? "Every matching row" : words;
  }
}

function openRow(event) {
  const row = event.target.closest("tbody tr");
  if (!row || event.target.closest("a, button, input, label, select, summary") || String(window.getSelection())) return;
  const link = row.querySelector(".is-main a");
  if (!link) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
}
