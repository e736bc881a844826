package domain

import "time"

// window is the time in which something may be asked for.
type window struct {
	// ends is the first moment that is too late: local midnight after the last day.
	ends time.Time
	// lastDay is the last day of the window.
	lastDay Date
	// rolled is true if the last day was moved because of holidays.
	rolled bool
}

// window returns the window of so many days, counted from the day after delivery was signed (办法
// article 10). The last day counts to its end, and one that is a holiday moves to the first day
// after it that is none (民法典 article 203).
func (p Policy) window(signed time.Time, days int) window {
	year, month, dayOfMonth := signed.In(p.location).Date()
	last := time.Date(year, month, dayOfMonth+days, 0, 0, 0, 0, time.UTC)
	w := window{lastDay: dateOf(last)}
	// A policy has few holidays, so that the loop ends.
	for p.holidays[w.lastDay] {
		last = last.AddDate(0, 0, 1)
		w.lastDay, w.rolled = dateOf(last), true
	}
	year, month, dayOfMonth = last.Date()
	w.ends = time.Date(year, month, dayOfMonth+1, 0, 0, 0, 0, p.location)
	return w
}

func dateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }
