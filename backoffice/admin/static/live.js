// A part of the page that is not final yet is fetched again and again; once it is final, or at another stage,
// the whole page is.

const LONGEST_PAUSE = 10000;

const part = document.querySelector("[data-live]");
if (part) setTimeout(renew, pauseOf(part), pauseOf(part));

async function renew(pause) {
  const fresh = await fetched();
  if (!fresh) {
    const longer = Math.min(pause * 2, LONGEST_PAUSE);
    setTimeout(renew, longer, longer);
  } else if ("live" in fresh.dataset && fresh.dataset.stage === part.dataset.stage) {
    say(fresh.dataset.says);
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

// For who hears the page: what stands beside the part is not replaced, and changes seldom.
function say(words) {
  const status = document.querySelector("[data-live-status]");
  if (status && words && status.textContent !== words) status.textContent = words;
}

function pauseOf(element) {
  return Number(element.dataset.live);
}
