/** The words between trials. */

export const SENDING = { title: "Sending your answers…", lines: [] };

export const IMAGE_FAILED = {
  title: "This image did not load.",
  lines: ["Nothing is lost: every answer so far is kept."],
  button: "Retry",
};

export const NOTICES = {
  offline: "Offline. Your answers are kept here and sent when you are back.",
  server: "The server does not answer. Your answers are kept here and sent when it does.",
};

const EXPLANATIONS = {
  unlimited: [
    "You will see images one at a time. About half are real, the rest were made by a computer.",
    "Look as long as you like, then say: real or fake?",
  ],
  flash: [
    "After a countdown an image is shown for a moment only. " +
      "About half are real, the rest were made by a computer.",
    "Look at the middle, then say: real or fake?",
  ],
};

/**
 * The card to show before a block's questions, or null to go straight on.
 * @param {object} block as the server gives it
 * @param {object|null} before the block before it in this visit
 * @param {number} done how many of the questions that count are answered
 */
export function cardFor(block, before, done) {
  if (before?.block === block.block) return null;
  const explanation = { title: "Is this image real?", lines: EXPLANATIONS[block.protocol] };
  if (block.kind === "practice") return { ...explanation, button: "Start the practice" };
  const left = images(block.total - done);
  if (before?.kind === "practice") {
    const line = `Now it counts: ${left}${block.feedback ? "" : ", no feedback"}.`;
    return { title: "Practice is over.", lines: [line], button: "Start" };
  }
  const lines = [`${left} left.`];
  if (before) return { title: "Time for a short break.", lines, button: "Go on" };
  if (!done) return { ...explanation, button: "Start" };
  if (block.protocol === "unlimited") return null;
  return { title: "Welcome back.", lines, button: "Start" };
}

function images(count) {
  return count === 1 ? "1 image" : `${count} images`;
}

/**
 * The card for an error after which nothing can be sent.
 * @param {Error & {status?: number}} error
 * @param {string} studyPath where the study begins
 */
export function problemCard(error, studyPath) {
  const kept = "Your answers are kept in this browser.";
  if (error.status === 404) {
    return {
      title: "This browser is no longer known to the study.",
      lines: ["Its cookie was removed, or the study is gone.", kept],
      link: { text: "Go to the study’s first page", href: studyPath },
    };
  }
  return {
    title: error.status === 403 ? "This page has become stale." : "Something went wrong here.",
    lines: [`${kept} They are sent as soon as the page is loaded again.`],
    link: { text: "Load it again", href: "" },
  };
}
