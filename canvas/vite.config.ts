import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { compression } from "vite-plugin-compression2";
import { defineConfig } from "vitest/config";

/**
 * xterm.js writes some colours as style attributes, which the page's policy forbids: the object
 * model, which is allowed, takes them as well. Fails when a newer xterm.js does it otherwise.
 */
function xtermWithoutStyleAttributes(): Plugin {
  const writes =
    /(\w+)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{(\w+)\};`\)/g;
  return {
    name: "xterm-without-style-attributes",
    apply: "build",
    transform: {
      filter: { id: /@xterm\/xterm\/lib\/xterm\.mjs/ },
      handler(code) {
        const mended = code.replace(
          writes,
          (_, element, style) => `${element}.style.cssText+=${style}+";"`,
        );
        if (mended === code || mended.includes('setAttribute("style"')) {
          throw new Error("xterm.js writes style attributes in another way: see vite.config.ts");
        }
        return { code: mended, map: null };
      },
    },
  };
}

// The server embeds `dist` and serves the compressed sibling to whoever accepts it.
export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    xtermWithoutStyleAttributes(),
    compression({ algorithms: ["brotliCompress"], threshold: 1024 }),
  ],
  build: {
    target: "es2022",
    // Nothing inline: the page's policy allows files of its own origin alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1600,
  },
  server: {
    proxy: {
      "^/(workspaces|registry|health|admin|settings|events|canvas|approvals|openapi.json|login|logout|org)":
        {
          target: process.env.ISOMER_URL ?? "http://127.0.0.1:8080",
        },
      "/ws": { target: process.env.ISOMER_URL ?? "http://127.0.0.1:8080", ws: true },
    },
  },
  // Generous: a machine may be busy with other things, and no test is one of speed.
  test: { include: ["src/**/*.test.ts"], testTimeout: 60_000 },
});
