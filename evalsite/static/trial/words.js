/** Every word that the trial screen says, in the reader's language where it has been translated. */

const catalogue = globalThis.django ?? {}; // Django's JavaScript catalogue; none under Node
const gettext = catalogue.gettext ?? ((text) => text);
const ngettext = catalogue.ngettext ?? ((one, many, count) => (count === 1 ? one : many));

/** Put values in the place of their names: `%(count)s`. */
function fill(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

const ABOUT_HALF = gettext("About half are real, the rest were made by a computer.");

const EXPLANATIONS = {
  unlimited: [
    gettext("You will see images one at a time."),
    ABOUT_HALF,
    gettext("Look as long as you like, then say: real or fake?"),
  ],
  limited: [
    gettext("You will see images one at a time, each for a few seconds only."),
    ABOUT_HALF,
    gettext("When the image is gone, say: real or fake?"),
  ],
  flash: [
    gettext("After a countdown an image is shown for a moment only."),
    ABOUT_HALF,
    gettext("Look at the middle, then say: real or fake?"),
  ],
  name: [
    gettext("You will see images one at a time."),
    gettext("Look as long as you like, then say what it is."),
    gettext("If no name fits, say that it is none of them."),
  ],
  select: [
    gettext("You will see several images at once."),
    gettext("About half are real, on some screens more, on others fewer."),
    gettext("Mark every image that was made by a computer, then press Done."),
    gettext("With the keyboard, the arrows move and the space bar marks."),
  ],
};

const PAIR = {
  real: [
    gettext("You will see two images at a time: one is real, the other was made by a computer."),
    gettext("Look as long as you like, then choose the real one."),
  ],
  generators: [
    gettext("You will see two images at a time."),
    gettext("Look as long as you like, then choose the one that looks more real to you."),
  ],
};

const TIE_EXPLAINED = gettext("If you cannot tell, say so.");

/** @param {object} block as the server gives it */
export function explanation({ protocol, against, allow_ties }) {
  if (protocol !== "pair") return EXPLANATIONS[protocol];
  return [...PAIR[against], ...(allow_ties ? [TIE_EXPLAINED] : [])];
}

export const IS_IT_REAL = gettext("Is this image real?");
export const WHAT_IS_IT = gettext("What is it?");
export const WAS_IT_REAL = gettext("Was it real?");
export const LOOK = gettext("Look.");
export const LOADING = gettext("Loading the image…");

/** What is asked of a screen of this block, once it can be answered. */
export function question({ protocol, against }) {
  if (protocol === "unlimited") return IS_IT_REAL;
  if (protocol === "name") return WHAT_IS_IT;
  if (protocol === "select") return gettext("Click every image that was made by a computer.");
  if (protocol !== "pair") return WAS_IT_REAL;
  return against === "real" ? gettext("Which one is real?") : gettext("Which looks more real?");
}

/** What a block is about, in a few words. */
export function title(block) {
  if (block.protocol === "select") return gettext("Which were made by a computer?");
  return ["pair", "name"].includes(block.protocol) ? question(block) : IS_IT_REAL;
}

/** How many screens are still to come. */
export function left(count, protocol) {
  const words = {
    pair: ngettext("%(count)s pair left.", "%(count)s pairs left.", count),
    select: ngettext("%(count)s screen left.", "%(count)s screens left.", count),
  };
  const images = ngettext("%(count)s image left.", "%(count)s images left.", count);
  return fill(words[protocol] ?? images, { count });
}

export function progress({ kind, total }, done, count) {
  if (kind === "practice") return fill(gettext("Practice: %(count)s to go"), { count });
  return fill(gettext("%(done)s of %(total)s"), { done, total });
}

export const IMAGE = gettext("The image to judge");
export const THIS_ONE = gettext("This one");
export const NONE_OF_THEM = gettext("None of them");
export const DONE = gettext("Done");
export const GO_ON = gettext("Go on");

export function imageName(number) {
  return fill(gettext("Image %(number)s"), { number });
}

export const TRUTHS = { real: gettext("real"), fake: gettext("fake") };

export const TOLD = {
  real: [gettext("Wrong: it was real."), gettext("Right: it was real.")],
  fake: [gettext("Wrong: it was fake."), gettext("Right: it was fake.")],
  name: [gettext("Wrong."), gettext("Right.")],
  pair: [gettext("Wrong: the other one is real."), gettext("Right: this one is real.")],
};

export function toldCount(right, total) {
  if (right === total) return gettext("Right, every one of them.");
  return fill(gettext("%(right)s of %(total)s right."), { right, total });
}

export const START = gettext("Start");
export const START_PRACTICE = gettext("Start the practice");
export const PRACTICE_OVER = gettext("Practice is over.");
export const NOW_IT_COUNTS = gettext("From now on your answers count.");
export const NO_FEEDBACK = gettext("You will not be told whether you were right.");
export const BREAK = gettext("Time for a short break.");
export const REST = gettext("Rest your eyes: look at something far away for a moment.");
export const WELCOME_BACK = gettext("Welcome back.");

export const NOTICES = {
  offline: gettext("Offline. Your answers are kept here and sent when you are back."),
  server: gettext("The server does not answer. Your answers are kept here and sent when it does."),
};

export const SENDING = gettext("Sending your answers…");

export const IMAGE_FAILED = {
  title: gettext("This image did not load."),
  kept: gettext("Nothing is lost: every answer so far is kept."),
  button: gettext("Retry"),
};

export const MOVED = {
  title: gettext("You went on in another tab."),
  kept: gettext("Your answers are kept. To go on here, load this page again."),
};

export const PROBLEM = {
  unknown: gettext("This browser is no longer known to the study."),
  reason: gettext("Its cookie was removed, or the study is gone."),
  kept: gettext("Your answers are kept in this browser."),
  first: gettext("Go to the study’s first page"),
  stale: gettext("This page has become stale."),
  wrong: gettext("Something went wrong here."),
  later: gettext("Your answers are kept here, and sent as soon as the page is loaded again."),
  again: gettext("Load it again"),
};
