// A job that has ended is seen when its page is: the bell on top need not ring for it any more.

const form = document.querySelector("form[data-seen]");

if (form && document.visibilityState === "visible") see();
else if (form) document.addEventListener("visibilitychange", see, { once: true });

async function see() {
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const bell = page.querySelector(".bell");
    if (bell) document.querySelector(".bell")?.replaceWith(bell);
  } catch {
    // It rings on, until the next time.
  }
}
