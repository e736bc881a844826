// Package callbacks has nothing but tests: what providers, and those who pretend to be one, send to the gateway, with the real
// services behind it.
package callbacks
