// Package measure makes load and measures what it costs: how much is done in which time, how long each took, and what the
// processes spent on it. It knows nothing of the product.
package measure
