package domain

import (
	"errors"
	"time"
)

// China is the time zone in which couriers of mainland China work; it has no daylight saving time.
var China = time.FixedZone("CST", 8*60*60)

// Couriers come between these hours, local time, in slots of two hours, and want an hour's notice.
const (
	firstHour  = 9
	lastHour   = 19
	slotLength = 2 * time.Hour
	notice     = time.Hour
	// bookableDays counts today, tomorrow and the day after (dayType of kuaidi100).
	bookableDays = 3
	minimumSlot  = time.Hour
)

// Slot is when a courier may come; the end is exclusive.
type Slot struct {
	Start, End time.Time
}

// ErrSlot is wrapped by the reasons why a slot cannot be booked.
var ErrSlot = errors.New("slot cannot be booked")

type slotError string

func (e slotError) Error() string { return string(e) }
func (e slotError) Unwrap() error { return ErrSlot }

// NewSlot returns the slot, or an error that says what is wrong with it: it must lie ahead, on one
// day (China time) of the next three, and last an hour at least.
func NewSlot(start, end, now time.Time) (Slot, error) {
	s := Slot{Start: start.UTC(), End: end.UTC()}
	switch {
	case !end.After(start):
		return Slot{}, slotError("must end after it starts")
	case end.Sub(start) < minimumSlot:
		return Slot{}, slotError("must last an hour at least")
	case !end.After(now):
		return Slot{}, slotError("must lie in the future")
	case !sameDay(start, end.Add(-time.Nanosecond)):
		return Slot{}, slotError("must lie within one day, China time")
	case s.daysAhead(now) >= bookableDays:
		return Slot{}, slotError("must lie within today and the two days after, China time")
	case s.daysAhead(now) < 0:
		return Slot{}, slotError("must not begin before today, China time")
	}
	return s, nil
}

// NextSlot returns the first slot of two hours in working hours that gives the courier an hour's
// notice.
func NextSlot(now time.Time) Slot {
	earliest := now.In(China).Add(notice)
	for day := 0; ; day++ {
		year, month, date := earliest.Date()
		for hour := firstHour; hour+int(slotLength/time.Hour) <= lastHour; hour += int(slotLength / time.Hour) {
			start := time.Date(year, month, date+day, hour, 0, 0, 0, China)
			if !start.Before(earliest) {
				return Slot{Start: start.UTC(), End: start.Add(slotLength).UTC()}
			}
		}
	}
}

// Bookable tells whether the slot can still be asked for at now.
func (s Slot) Bookable(now time.Time) bool {
	_, err := NewSlot(s.Start, s.End, now)
	return err == nil
}

// DaysAhead counts the days, China time, from now to the slot: 0 is today.
func (s Slot) DaysAhead(now time.Time) int { return s.daysAhead(now) }

// Equal tells whether both are the same moments.
func (s Slot) Equal(other Slot) bool { return s.Start.Equal(other.Start) && s.End.Equal(other.End) }

// IsZero tells whether no slot was agreed.
func (s Slot) IsZero() bool { return s.Start.IsZero() && s.End.IsZero() }

func (s Slot) daysAhead(now time.Time) int {
	return int(midnight(s.Start).Sub(midnight(now)) / (24 * time.Hour))
}

func midnight(t time.Time) time.Time {
	year, month, day := t.In(China).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, China)
}

func sameDay(a, b time.Time) bool { return midnight(a).Equal(midnight(b)) }
