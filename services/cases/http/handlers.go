// Package http implements the contract of the cases service: it translates between the contract's
// types and the domain's, and holds no rules of its own.
package http

import (
	"context"
	"net/http"
	"time"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/orders"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/cases/vault"
	"aftercare.dev/services/cases/wording"
)

const defaultLimit = 50

// Handlers implements api.StrictServerInterface.
type Handlers struct {
	store   *store.Store
	orders  *orders.Client
	vault   *vault.Vault
	wording *wording.Catalog
	// recorded is called after a step was recorded, which has written to the outbox.
	recorded func(ctx context.Context, merchantID string, r store.Recorded)
	now      func() time.Time
	wake     *wake
	// keepPhotos and keepTexts are days after a case was closed; 0 means for ever.
	keepPhotos, keepTexts int
}

var _ api.StrictServerInterface = (*Handlers)(nil)

// Dependencies are what the handlers work with; all are required.
type Dependencies struct {
	Store   *store.Store
	Orders  *orders.Client
	Vault   *vault.Vault
	Wording *wording.Catalog
	// Recorded is called after a step was recorded, also one that had been before; it must not block.
	Recorded func(ctx context.Context, merchantID string, r store.Recorded)
	Now      func() time.Time
	// KeepPhotos and KeepTexts are how many days after a case was closed its photos and texts are kept; 0
	// means for ever.
	KeepPhotos, KeepTexts int
}

// New returns the handlers.
func New(d Dependencies) *Handlers {
	return &Handlers{
		store: d.Store, orders: d.Orders, vault: d.Vault, wording: d.Wording, recorded: d.Recorded, now: d.Now, wake: newWake(),
		keepPhotos: d.KeepPhotos, keepTexts: d.KeepTexts,
	}
}

type languageKey struct{}

// Languages is middleware that keeps the header Accept-Language for the handlers, whose contract does
// not repeat it at each operation.
func Languages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), languageKey{}, r.Header.Get("Accept-Language"))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// voice speaks the language of the request.
func (h *Handlers) voice(ctx context.Context) *wording.Voice {
	accept, _ := ctx.Value(languageKey{}).(string)
	return h.wording.In(accept)
}
