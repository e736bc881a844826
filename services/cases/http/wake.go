package http

import "sync"

// wake tells those who wait for a case that this process recorded a step of it.
type wake struct {
	mu        sync.Mutex
	listeners map[string]map[chan struct{}]struct{}
}

func newWake() *wake {
	return &wake{listeners: map[string]map[chan struct{}]struct{}{}}
}

// listen returns a channel that gets a value at the next step of the case, and how to stop listening,
// which must be called.
func (w *wake) listen(caseID string) (woken <-chan struct{}, stop func()) {
	listener := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listeners[caseID] == nil {
		w.listeners[caseID] = map[chan struct{}]struct{}{}
	}
	w.listeners[caseID][listener] = struct{}{}
	return listener, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.listeners[caseID], listener)
		if len(w.listeners[caseID]) == 0 {
			delete(w.listeners, caseID)
		}
	}
}

// notify never blocks.
func (w *wake) notify(caseID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for listener := range w.listeners[caseID] {
		select {
		case listener <- struct{}{}:
		default:
		}
	}
}
