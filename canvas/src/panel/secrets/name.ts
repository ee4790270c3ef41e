/** The rule for names that people enter. The server refuses some more, which agents get from it. */
const NAME = /^[A-Z][A-Z0-9_]*$/;

export const isSecretName = (name: string): boolean => NAME.test(name);
