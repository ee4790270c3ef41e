import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { compression } from "vite-plugin-compression2";
import { defineConfig } from "vitest/config";

// The server embeds `dist` and serves the compressed sibling to whoever accepts it.
export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
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
  test: { include: ["src/**/*.test.ts"] },
});
