// The widgets typeset their labels with MathJax, which Voila would load from a CDN. No label is a formula, so this stub serves.
window.MathJax = {Hub: {Config() {}, Configured() {}, Queue() {}, Register: {StartupHook() {}}}}
