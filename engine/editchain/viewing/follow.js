// Follows the pipeline: a page on a disk may read no file, but it can see how large a picture beside it is.
{
  const follows = JSON.parse(document.getElementById("follows").textContent);
  const EVERY_MS = 500;
  const place = document.getElementById("following");
  const say = (text) => place.replaceChildren(make("p", { class: "following" }, text));

  // What was open and searched for is so again after the page was loaded anew.
  const slider = () => dialog.querySelector("input[type=range]");
  const again = () => {
    history.replaceState({ wanted: search.value, task: dialog.open ? current.name : null, slider: slider()?.value ?? null }, "");
    location.reload();
  };
  const state = history.state;
  if (state?.wanted) {
    search.value = state.wanted;
    search.dispatchEvent(new Event("input"));
  }
  const task = state?.task && tasks.find((one) => one.name === state.task);
  if (task) {
    open(task);
    if (state.slider !== null && slider()) {
      slider().value = state.slider;
      slider().dispatchEvent(new Event("input"));
    }
  }

  const look = () => {
    const picture = new Image();
    picture.addEventListener("load", () => {
      const [width, height] = follows.mark;
      if (picture.naturalWidth !== width || picture.naturalHeight !== height) again();
      else setTimeout(look, EVERY_MS);
    });
    picture.addEventListener("error", () => say("Nobody watches the pipeline any more: this page stays as it is."));
    picture.src = `${follows.stamp}?${Date.now()}`;
  };
  if (follows.problems) place.replaceChildren(make("div", { class: "problems" }, make("p", {}, "The pipeline as it is now cannot run. This is what ran last."), make("pre", { tabindex: 0 }, follows.problems)));
  else say("This page follows its pipeline: it changes as files do.");
  look();
}
