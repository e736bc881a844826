package callback

// Line is how a system's journal remembers an attempt.
type Line struct {
	Op      string `json:"op"` // callback
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
	Result  string `json:"result"`
}

// Backlog finds out, while a journal is replayed, which messages are still to
// be brought. The zero value is ready for use.
type Backlog struct {
	order   []string
	pending map[string]*Delivery
}

// Owe notes that m must be brought.
func (b *Backlog) Owe(m *Delivery) {
	if b.pending == nil {
		b.pending = make(map[string]*Delivery)
	}
	if b.pending[m.ID] == nil {
		b.order = append(b.order, m.ID)
	}
	b.pending[m.ID] = m
}

// Note takes an attempt into account.
func (b *Backlog) Note(l Line) {
	m := b.pending[l.ID]
	if m == nil {
		return
	}
	m.Attempt = l.Attempt
	if l.Result != Failed || l.Attempt > len(m.Waits) {
		delete(b.pending, l.ID)
	}
}

// Rest returns what is still to be brought, oldest first.
func (b *Backlog) Rest() []*Delivery {
	var rest []*Delivery
	for _, id := range b.order {
		if m := b.pending[id]; m != nil {
			rest = append(rest, m)
			delete(b.pending, id)
		}
	}
	return rest
}
