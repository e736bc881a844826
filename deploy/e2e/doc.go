// Package e2e holds the end-to-end tests: everything in one process, or in a process of its own that is killed, driven
// by the public API alone. The sandbox's control API makes the outside world misbehave, its journals say what really
// happened to money and mail, and the histories in the Temporal server are searched for what must not be in them.
package e2e
