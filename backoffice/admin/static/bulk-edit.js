// Whoever fills in a field means to change it: its box follows. It can be unticked again.

for (const boxed of document.querySelectorAll("[data-boxed]")) {
  const box = boxed.querySelector("[name=change]");
  for (const kind of ["input", "change"]) boxed.addEventListener(kind, follow);

  function follow(event) {
    // To search is not to choose.
    if (event.target !== box && !event.target.matches("[role=combobox]")) box.checked = true;
  }
}
