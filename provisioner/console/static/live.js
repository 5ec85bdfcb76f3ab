// Shows the progress of long work in a page while it goes on. Without this file the page is loaded again instead.
"use strict";
(() => {
  const address = document.currentScript.src;
  const part = document.querySelector("[data-live]");
  const unheard = document.querySelector("[data-unheard]");
  const pause = 5000;
  const longestSilence = 1000 * Number(part.dataset.longestSilence);
  let source = null;
  let watchdog = null;

  // Nobody uses the page then, so the session isn't kept alive.
  const reload = () => location.replace(`${part.dataset.page}?by-itself=1`);

  // The server is away, has no room for another stream, or is not heard: reload the page when the server answers.
  const reloadLater = () => {
    stop();
    setTimeout(async () => {
      const answer = await fetch(address, { method: "HEAD", cache: "no-store" }).catch(() => null);
      if (answer && answer.status < 500) reload();
      else reloadLater();
    }, pause);
  };

  const giveUp = () => {
    unheard.hidden = false;
    reloadLater();
  };

  const show = (event) => {
    part.innerHTML = event.data;
    const titled = part.querySelector("[data-title]");
    if (titled) document.title = titled.dataset.title;
  };

  const watch = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(giveUp, longestSilence);
  };

  const stop = () => {
    clearTimeout(watchdog);
    if (source) source.close();
    source = null;
  };

  const listen = () => {
    watch();
    source = new EventSource(part.dataset.live);
    source.addEventListener("here", watch);
    source.addEventListener("progress", (event) => { watch(); show(event); });
    source.addEventListener("over", () => { stop(); reload(); });
    source.addEventListener("full", giveUp);
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
