// Nothing of a session outlives it in the browser.
sessionStorage.clear();
