// Messages stay until they are dismissed; the focus starts at what is wrong with a form.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-dismiss]");
  if (!button) return;
  button.closest("[data-flash]").remove();
  document.getElementById("page-content").focus();
});

document.querySelector("[data-focus-first]")?.focus();
