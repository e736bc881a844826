// Package shop has functions that points are named by.
package shop

import (
	"net/http"

	"aftercare.dev/services/platform/crash"
)

// Store has a type parameter, as its name on the stack then has.
type Store[T any] struct{ held T }

// Reserve passes a point in a closure of a part of it.
func (s *Store[T]) Reserve() { s.inTx(func() { crash.Here(crash.BeforeCommit) }) }

func (s *Store[T]) inTx(do func()) { do() }

// Sell passes a point itself.
func Sell() { crash.Here(crash.AfterCommit) }

// Ask calls somebody.
func Ask(client *http.Client, url string) {
	answer, err := client.Get(url)
	if err == nil {
		_ = answer.Body.Close()
	}
}
