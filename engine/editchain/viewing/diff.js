"use strict";
for (const box of document.querySelectorAll(".compare")) {
  slide(box, box.querySelector(".over"), box.querySelector(".edge"), box.parentElement.querySelector("input"));
}
