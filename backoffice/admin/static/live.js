// A part of the page that is not final yet is fetched again and again; once it is final, the whole page is.

const LONGEST_PAUSE = 10000;

const part = document.querySelector("[data-live]");
if (part) setTimeout(renew, pauseOf(part), pauseOf(part));

async function renew(pause) {
  const fresh = await fetched();
  if (!fresh) {
    const longer = Math.min(pause * 2, LONGEST_PAUSE);
    setTimeout(renew, longer, longer);
  } else if ("live" in fresh.dataset) {
    part.replaceChildren(...fresh.childNodes);
    setTimeout(renew, pauseOf(part), pauseOf(part));
  } else {
    location.reload();
  }
}

// Nothing where the server does not answer, as while it is started anew.
async function fetched() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Without the part it is another page, such as the sign-in: show that.
    return page.getElementById(part.id) ?? page.body;
  } catch {
    return null;
  }
}

function pauseOf(element) {
  return Number(element.dataset.live);
}
