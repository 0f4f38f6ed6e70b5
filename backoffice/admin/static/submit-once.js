// A form that is on its way is not sent a second time; one that is answered by a file leaves the page as it is.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || "download" in form.dataset) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of buttonsOf(form)) button.setAttribute("aria-disabled", "true");
});

// The page may be shown again from the browser's memory: its forms are then as good as new.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of buttonsOf(form)) button.removeAttribute("aria-disabled");
  }
});

function buttonsOf(form) {
  return [...form.elements].filter((element) => element.type === "submit");
}
