package domain

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	allStates = []State{
		Requested, Booked, Accepted, PickupFailed, Cancelled, PickedUp, InTransit, OutForDelivery,
		Refused, Exception, Lost, Delivered, Returning, Returned,
	}
	noon = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
)

func observations(t *rapid.T) []Observation {
	one := rapid.Custom(func(t *rapid.T) Observation {
		o := Observation{State: rapid.SampledFrom(allStates).Draw(t, "state")}
		if minutes := rapid.IntRange(0, 5).Draw(t, "minutes"); minutes > 0 {
			o.At = noon.Add(time.Duration(minutes) * time.Minute)
		}
		o.Reason = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "reason")
		return o
	})
	return rapid.SliceOfN(one, 1, 12).Draw(t, "observations")
}

func fold(all []Observation) Observation {
	seen := Observation{State: Requested}
	for _, o := range all {
		seen, _ = Merge(seen, o)
	}
	return seen
}

func TestTheOrderAndRepetitionOfNewsDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		news := observations(t)
		want := fold(news)
		shuffled := rapid.Permutation(append(append([]Observation(nil), news...), news[0])).Draw(t, "shuffled")
		if got := fold(shuffled); got != want {
			t.Fatalf("%v gives %v, %v gives %v", news, want, shuffled, got)
		}
	})
}

func TestADeliveredParcelGoesNowhereButBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seen := Observation{State: Delivered, At: noon}
		for _, o := range observations(t) {
			seen, _ = Merge(seen, o)
			if seen.State != Delivered && seen.State != Returning && seen.State != Returned {
				t.Fatalf("a delivered parcel is %s", seen.State)
			}
		}
	})
}

func TestWhileAParcelMovesTheNewestScanCounts(t *testing.T) {
	t.Parallel()
	at := func(s State, minute int) Observation {
		return Observation{State: s, At: noon.Add(time.Duration(minute) * time.Minute)}
	}
	for _, c := range []struct {
		name string
		news []Observation
		want State
	}{
		{"a problem that was solved", []Observation{at(Exception, 5), at(InTransit, 6)}, InTransit},
		{"a problem after transit", []Observation{at(InTransit, 5), at(Exception, 6)}, Exception},
		{"a parcel found again", []Observation{at(Lost, 5), at(InTransit, 6)}, InTransit},
		{"a pickup told late and without a time", []Observation{at(InTransit, 5), {State: PickedUp}}, InTransit},
		{"a second attempt after a refusal", []Observation{at(Refused, 5), at(Delivered, 9)}, Delivered},
		{"a courier who came although called off", []Observation{{State: Cancelled}, {State: PickedUp}}, PickedUp},
		{"a courier who accepts what was called off", []Observation{{State: Cancelled}, {State: Accepted}}, Cancelled},
		{"a return after delivery", []Observation{at(Delivered, 5), at(Returning, 4)}, Returning},
	} {
		if got := fold(c.news); got.State != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.State, c.want)
		}
	}
}

func TestAParcelWithoutScansIsLostAfterPatienceAndFoundByAnyNewerScan(t *testing.T) {
	t.Parallel()
	const patience = 7 * 24 * time.Hour
	if _, lost := Stalled(InTransit, noon, noon.Add(patience), patience); lost {
		t.Error("lost too early")
	}
	seen, lost := Stalled(InTransit, noon, noon.Add(patience+1), patience)
	if !lost || seen.State != Lost {
		t.Fatal("not lost")
	}
	if found, changed := Merge(seen, Observation{State: InTransit, At: noon.Add(time.Second)}); !changed || found.State != InTransit {
		t.Errorf("still %s", found.State)
	}
	for _, s := range []State{Booked, Delivered, Returned, Cancelled, Lost, Refused} {
		if _, lost := Stalled(s, noon, noon.Add(2*patience), patience); lost {
			t.Errorf("a parcel that is %s counts as lost", s)
		}
	}
}

func TestSlotsAreWithinThreeDaysAndOneDay(t *testing.T) {
	t.Parallel()
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, China) }
	for _, c := range []struct {
		name       string
		start, end time.Time
		ok         bool
	}{
		{"this afternoon", at(23, 14), at(23, 16), true},
		{"one that has begun", at(23, 11), at(23, 13), true},
		{"the day after tomorrow", at(25, 9), at(25, 11), true},
		{"until midnight", at(24, 22), at(25, 0), true},
		{"in three days", at(26, 9), at(26, 11), false},
		{"this morning", at(23, 9), at(23, 11), false},
		{"over midnight", at(23, 23), at(24, 1), false},
		{"half an hour", at(23, 14), at(23, 14).Add(30 * time.Minute), false},
		{"backwards", at(23, 16), at(23, 14), false},
	} {
		if _, err := NewSlot(c.start, c.end, noon); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTheNextSlotIsAlwaysBookable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := noon.Add(time.Duration(rapid.Int64Range(0, int64(14*24*time.Hour)).Draw(t, "later")))
		slot := NextSlot(now)
		if !slot.Bookable(now) || slot.Start.Before(now.Add(notice)) || slot.End.Sub(slot.Start) != slotLength {
			t.Fatalf("at %s the next slot is %s to %s", now, slot.Start, slot.End)
		}
	})
}

func TestAContactNeverPrintsItself(t *testing.T) {
	t.Parallel()
	c := Contact{Name: "Zhang San", Phone: "13800000000", Street: "1 Long Street"}
	for _, text := range []string{c.String(), c.GoString()} {
		if text != "contact(hidden)" {
			t.Error(text)
		}
	}
	if got := c.Missing(); got != "province" {
		t.Errorf("missing %q", got)
	}
}
