// Buttons that copy what they stand beside.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  say(button, "Copied");
});

// For eyes and for screen readers, until the next time.
function say(button, words) {
  const label = button.getAttribute("aria-label");
  if (label === words) return;
  button.classList.add("is-done");
  button.setAttribute("aria-label", words);
  setTimeout(() => {
    button.classList.remove("is-done");
    button.setAttribute("aria-label", label);
  }, 2000);
}
