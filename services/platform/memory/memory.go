// Package memory remembers what a process has seen, within bounds: what it has forgotten has to be looked up again.
package memory

import "sync"

// Map keeps values by key. It is safe for concurrent use. Make it with [New].
type Map[K comparable, V any] struct {
	limit int

	mu     sync.Mutex
	values map[K]V
}

// New returns an empty map. It forgets everything when it has grown to so many keys: most of what a process asks for it has
// seen lately, and will see again.
func New[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{limit: limit, values: map[K]V{}}
}

// Get returns the value of a key, if it is remembered.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok = m.values[key]
	return value, ok
}

// Put remembers a value.
func (m *Map[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.values) >= m.limit {
		clear(m.values)
	}
	m.values[key] = value
}

// Forget drops a key.
func (m *Map[K, V]) Forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
}
