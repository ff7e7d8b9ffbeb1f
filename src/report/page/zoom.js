"use strict";
(() => {
  const map = document.getElementById("map");
  const zoomed = () => map.querySelector("section:target");
  map.classList.add("live");
  map.addEventListener("click", (event) => {
    const section = event.target.closest("section[id]");
    if (section && section !== zoomed() && !event.target.closest("a")) location.hash = section.id;
  });
  addEventListener("keydown", (event) => {
    const section = zoomed();
    if (event.key !== "Escape" || !section) return;
    event.preventDefault();
    location.hash = map.id;
    section.querySelector("a.name").focus({ preventScroll: true });
  });
})();
