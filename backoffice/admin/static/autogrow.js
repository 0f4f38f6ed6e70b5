// Text areas grow with what is typed, up to two thirds of the screen.

const areas = document.querySelectorAll("textarea[data-autogrow]");

for (const area of areas) {
  area.addEventListener("input", () => fit(area));
  fit(area);
}

function fit(area) {
  if (!area.value) return;
  const most = Math.round(window.innerHeight * 0.66);
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight + 2, most)}px`;
}
