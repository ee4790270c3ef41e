/**
 * A document for the terminal that keeps to the page's policy. The terminal makes style elements,
 * which need the nonce of the page, and writes style attributes, which are forbidden: those are
 * set over the object model instead, which is not.
 */

/** As `document`, but for what is made with it. */
export function documentFor(real: Document, nonce: string): Document {
  const createElement = (name: string) => {
    const element = real.createElement(name);
    if (name === "style") element.setAttribute("nonce", nonce);
    element.setAttribute = setAttribute;
    return element;
  };
  return new Proxy(real, {
    get(target, key) {
      if (key === "createElement") return createElement;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}
