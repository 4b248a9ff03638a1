/** Pictures in a row, one of them large, chosen by a slider. */

export class Series {
  #images = [];
  #labels = [];

  /** @param {HTMLElement} root what templates/play/series.html gives */
  constructor(root) {
    this.root = root;
    this.large = root.querySelector(".large");
    this.range = root.querySelector("input");
    this.said = root.querySelector("output");
    this.strip = root.querySelector(".strip");
    this.range.addEventListener("input", () => this.goTo(Number(this.range.value)));
  }

  get place() {
    return Number(this.range.value);
  }

  /**
   * Show other pictures in place of those before.
   * @param {string[]} images
   * @param {object} about
   * @param {string[]} about.labels what each is called
   * @param {number} about.every of so many one is shown in the strip
   * @param {number} about.first the one to begin with, unless one was chosen before
   */
  load(images, { labels, every, first }) {
    const isNew = this.#images.length !== images.length;
    this.#images = images;
    this.#labels = labels;
    this.range.max = images.length - 1;
    this.strip.replaceChildren(
      ...images.flatMap((image, place) => (place % every ? [] : [this.#still(image, place)])),
    );
    this.root.hidden = false;
    this.goTo(isNew ? first : this.place);
  }

  hide() {
    this.root.hidden = true;
  }

  goTo(place) {
    this.range.value = place;
    this.large.src = this.#images[place];
    this.large.alt = this.#labels[place];
    this.said.textContent = this.#labels[place];
    this.range.setAttribute("aria-valuetext", this.#labels[place]);
    for (const still of this.strip.children) {
      still.classList.toggle("current", Number(still.dataset.place) === place);
    }
  }

  #still(image, place) {
    const still = document.createElement("li");
    still.dataset.place = place;
    const picture = Object.assign(new Image(), { src: image, alt: "", className: "pixels" });
    picture.addEventListener("click", () => {
      this.range.value = place;
      this.range.dispatchEvent(new Event("input"));
    });
    still.append(picture);
    return still;
  }
}
