// Shows the progress of long work in a page while it goes on. Without this file the page is loaded again instead.
"use strict";
(() => {
  const address = document.currentScript.src;
  const part = document.querySelector("[data-live]");
  const pause = 5000;
  let source = null;

  const reload = () => location.replace(part.dataset.page);

  // The server is away or has no room for another stream: load the page when the server answers.
  const reloadLater = () => {
    stop();
    setTimeout(async () => {
      const answer = await fetch(address, { method: "HEAD", cache: "no-store" }).catch(() => null);
      if (answer && answer.status < 500) reload();
      else reloadLater();
    }, pause);
  };

  const show = (event) => {
    part.innerHTML = event.data;
    const titled = part.querySelector("[data-title]");
    if (titled) document.title = titled.dataset.title;
  };

  const stop = () => {
    if (source) source.close();
    source = null;
  };

  const listen = () => {
    source = new EventSource(part.dataset.live);
    source.addEventListener("progress", show);
    source.addEventListener("over", () => { stop(); reload(); });
    source.addEventListener("full", reloadLater);
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) reloadLater();
    });
  };

  // A browser has few connections to one server: pages that nobody sees use none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else if (!source) listen();
  });
  if (!document.hidden) listen();
})();
