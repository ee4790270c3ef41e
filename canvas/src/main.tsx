import { setNonce } from "get-nonce";
import { Tooltip } from "radix-ui";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { App } from "./app";
import { useHashLocation } from "./nav";
import { initTexts } from "./texts";
import "./style.css";

// Style elements that libraries add at run time carry the nonce of this answer.
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
if (nonce) setNonce(nonce);

const root = document.getElementById("root");
if (root) {
  await initTexts();
  createRoot(root).render(
    <StrictMode>
      <Router hook={useHashLocation}>
        <Tooltip.Provider delayDuration={400}>
          <App />
        </Tooltip.Provider>
      </Router>
    </StrictMode>,
  );
}
