//go:build !crashpoints

package crash

import "net/http"

// Enabled tells whether the program was built with crash points. Code that only they need is behind it.
const Enabled = false

// At passes a point of the operation.
func At(string, Place) {}

// Here passes a point of the operation that the calling function is a part of: the first function of the house on the
// stack that is outside of the platform's own plumbing.
func Here(Place) {}

// Transport passes the points of a call around each request. Without crash points it is next itself.
func Transport(next http.RoundTripper) http.RoundTripper { return next }
