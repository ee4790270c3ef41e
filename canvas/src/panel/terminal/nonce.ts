/**
 * Runs `open`, in which the terminal makes its style elements: with the nonce of the page, without
 * which the policy forbids them. xterm.js has no setting for that.
 */
export function withNonce(nonce: string, open: () => void): void {
  const make = (name: string) => {
    const element = Document.prototype.createElement.call(document, name);
    if (name === "style") element.setAttribute("nonce", nonce);
    return element;
  };
  // Hides the prototype's for as long as `open` takes, which waits for nothing.
  Object.defineProperty(document, "createElement", { configurable: true, value: make });
  try {
    open();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}
