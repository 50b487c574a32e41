"use strict";
// Each pair: the picture before lies over the one after, and is cut where the slider stands.
for (const box of document.querySelectorAll(".compare")) {
  const over = box.querySelector(".over");
  const edge = box.querySelector(".edge");
  const range = box.parentElement.querySelector("input");
  const set = () => {
    over.style.clipPath = `inset(0 ${100 - range.value}% 0 0)`;
    edge.style.left = `${range.value}%`;
  };
  range.addEventListener("input", set);
  box.addEventListener("pointermove", (event) => {
    if (!event.buttons && event.pointerType === "mouse") return;
    const place = box.getBoundingClientRect();
    range.value = Math.round(((event.clientX - place.left) / place.width) * 100);
    set();
  });
  set();
}
