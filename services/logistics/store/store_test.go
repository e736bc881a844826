package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

var (
	noon     = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	patience = domain.Patience{
		Rebook: 10 * time.Minute, MaxAsks: 3, Stall: 7 * 24 * time.Hour, Query: 30 * time.Minute, Lease: time.Minute, Retry: time.Minute,
	}
)

func each(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		test(t, New(db, patience, func() time.Time { return noon }))
	})
}

func selfShip(t *testing.T, merchantID, shipmentID, number string) domain.Shipment {
	t.Helper()
	s, err := domain.NewShipment(merchantID, shipmentID, domain.Request{
		CaseID: "case-" + shipmentID, OrderID: "order", Direction: domain.ToWarehouse, Method: domain.SelfShip,
		Carrier: "yuantong", TrackingNumber: number,
	}, domain.Slot{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pickup(t *testing.T, merchantID, shipmentID string) domain.Shipment {
	t.Helper()
	s, err := domain.NewShipment(merchantID, shipmentID, domain.Request{
		CaseID: "case", OrderID: "order", Direction: domain.ToWarehouse, Method: domain.Pickup, WeightGrams: 700,
	}, domain.NextSlot(noon), noon)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// together runs fn n times at once.
func together(n int, fn func(i int)) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	running.Wait()
}

func TestAShipmentIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		wanted := pickup(t, "m", "s1")
		wanted.Seen = domain.Observation{State: domain.Exception, At: noon.Add(time.Second), Reason: "carrier_problem"}
		wanted.Order = domain.OrderRef{TaskID: "T", OrderID: "O"}
		wanted.Strays = []domain.Stray{{Order: domain.OrderRef{TaskID: "X"}}}
		wanted.PickedUpAt, wanted.AskedAt, wanted.Asked, wanted.FreightFen = noon, noon, 2, 850
		wanted.CancelWanted, wanted.SlotPending, wanted.Subscribed = true, true, true
		if _, added, err := s.AddShipment(ctx, wanted); err != nil || !added {
			t.Fatal(added, err)
		}
		wanted.Version = 1
		got, err := s.Shipment(ctx, "m", "s1")
		if err != nil || fmt.Sprint(got) != fmt.Sprint(wanted) {
			t.Errorf("read %+v, %v, want %+v", got, err, wanted)
		}
		if got, err := s.ShipmentOf(ctx, wanted.Token); err != nil || got.ShipmentID != "s1" {
			t.Errorf("by token: %v, %v", got.ShipmentID, err)
		}
	})
}

func TestAnotherMerchantsRecordsDoNotExist(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, _, err := s.AddShipment(ctx, pickup(t, "m", "s1")); err != nil {
			t.Fatal(err)
		}
		id, err := s.AddContact(ctx, "m", "", domain.Contact{Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetReturnAddress(ctx, "m", domain.Contact{Name: "n"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Shipment(ctx, "other", "s1"); !problem.HasCode(err, domain.CodeShipmentNotFound) {
			t.Errorf("shipment: %v", err)
		}
		if _, err := s.Contact(ctx, "other", id); !problem.HasCode(err, domain.CodeContactNotFound) {
			t.Errorf("contact: %v", err)
		}
		if _, found, err := s.ReturnAddress(ctx, "other"); err != nil || found {
			t.Errorf("return address: %v, %v", found, err)
		}
		if _, added, err := s.AddShipment(ctx, pickup(t, "other", "s1")); err != nil || !added {
			t.Errorf("the id of another merchant is taken: %v, %v", added, err)
		}
		if _, err := s.UpdateShipment(ctx, "third", "s1", func(*domain.Shipment) error { return nil }); !problem.HasCode(err, domain.CodeShipmentNotFound) {
			t.Errorf("update: %v", err)
		}
	})
}

func TestOneIDIsOneShipmentWhoeverIsFaster(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		var added atomic.Int64
		tokens := make([]string, 16)
		together(len(tokens), func(i int) {
			got, isNew, err := s.AddShipment(context.Background(), pickup(t, "m", "s1"))
			if err != nil {
				t.Error(err)
			}
			if isNew {
				added.Add(1)
			}
			tokens[i] = got.Token
		})
		for _, token := range tokens {
			if token != tokens[0] {
				t.Fatal("two shipments have one id")
			}
		}
		if added.Load() != 1 {
			t.Errorf("%d were added", added.Load())
		}
	})
}

func TestATrackingNumberBelongsToOneOpenParcel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		var added, refused atomic.Int64
		var winner atomic.Value
		together(12, func(i int) {
			id := fmt.Sprintf("s%d", i)
			_, _, err := s.AddShipment(ctx, selfShip(t, "m", id, "YT123456"))
			switch {
			case err == nil:
				added.Add(1)
				winner.Store(id)
			case problem.HasCode(err, domain.CodeTrackingInUse):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
		if added.Load() != 1 || refused.Load() != 11 {
			t.Fatalf("%d added, %d refused", added.Load(), refused.Load())
		}
		if _, _, err := s.AddShipment(ctx, selfShip(t, "other", "s", "YT123456")); err != nil {
			t.Errorf("another merchant: %v", err)
		}
		deliver := func(c *domain.Shipment) error {
			c.Receive(domain.Report{Seen: domain.Observation{State: domain.Delivered, At: noon}}, noon)
			return nil
		}
		won, _ := winner.Load().(string)
		if _, err := s.UpdateShipment(ctx, "m", won, deliver); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.AddShipment(ctx, selfShip(t, "m", "again", "YT123456")); !problem.HasCode(err, domain.CodeTrackingInUse) {
			t.Errorf("the number of a delivered parcel: %v", err)
		}
	})
}

func TestACalledOffParcelGivesItsNumberFree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, _, err := s.AddShipment(ctx, selfShip(t, "m", "s1", "YT123456")); err != nil {
			t.Fatal(err)
		}
		callOff := func(c *domain.Shipment) error { c.CallOff(noon); return nil }
		if _, err := s.UpdateShipment(ctx, "m", "s1", callOff); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.AddShipment(ctx, selfShip(t, "m", "s2", "YT123456")); err != nil {
			t.Fatal(err)
		}
		late := func(c *domain.Shipment) error {
			c.Receive(domain.Report{Seen: domain.Observation{State: domain.InTransit, At: noon}}, noon)
			return nil
		}
		if got, err := s.UpdateShipment(ctx, "m", "s1", late); err != nil || got.Seen.State != domain.Cancelled {
			t.Errorf("late news of the first: %s, %v", got.Seen.State, err)
		}
	})
}

func TestNoChangeOfAShipmentIsLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, _, err := s.AddShipment(ctx, pickup(t, "m", "s1")); err != nil {
			t.Fatal(err)
		}
		const writers, each = 4, 5
		together(writers, func(int) {
			for range each {
				_, err := s.UpdateShipment(ctx, "m", "s1", func(c *domain.Shipment) error {
					c.FreightFen++
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		got, err := s.Shipment(ctx, "m", "s1")
		if err != nil || got.FreightFen != writers*each || got.Version != 1+writers*each {
			t.Errorf("freight %d, version %d, %v", got.FreightFen, got.Version, err)
		}
	})
}

func TestTheLeaseIsHeldByOneAtATime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, _, err := s.AddShipment(ctx, pickup(t, "m", "s1")); err != nil {
			t.Fatal(err)
		}
		var holders atomic.Int64
		together(8, func(i int) {
			var got bool
			_, err := s.UpdateShipment(ctx, "m", "s1", func(c *domain.Shipment) error {
				got = c.Acquire(strconv.Itoa(i), noon, time.Minute)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if got {
				holders.Add(1)
			}
		})
		if holders.Load() != 1 {
			t.Errorf("%d hold the lease", holders.Load())
		}
	})
}

func TestACallbackCountsOnceAndAnswersTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, _, err := s.AddShipment(ctx, pickup(t, "m", "s1")); err != nil {
			t.Fatal(err)
		}
		answers := make([]string, 8)
		together(len(answers), func(i int) {
			var err error
			answers[i], err = s.Receive(ctx, "m", "s1", strings.Repeat("d", 64), func(c *domain.Shipment) (string, error) {
				c.FreightFen += 800
				return "s1:picked_up", nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		for _, answer := range answers {
			if answer != "s1:picked_up" {
				t.Errorf("answers %q", answers)
			}
		}
		if got, err := s.Shipment(ctx, "m", "s1"); err != nil || got.FreightFen != 800 {
			t.Errorf("freight %d, %v", got.FreightFen, err)
		}
	})
}

func TestCourierAndScansAreKeptBesideTheShipment(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, _, err := s.AddShipment(ctx, pickup(t, "m", "s1")); err != nil {
			t.Fatal(err)
		}
		tell := func(r domain.Report) {
			t.Helper()
			_, err := s.UpdateShipment(ctx, "m", "s1", func(c *domain.Shipment) error { c.Receive(r, noon); return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		tell(domain.Report{CourierName: "李师傅", CourierPhone: "139"})
		tell(domain.Report{Scans: []domain.Scan{{At: noon, Text: "揽收"}}})
		courier, scans, err := s.Trace(ctx, "m", "s1")
		if err != nil || courier.Name != "李师傅" || len(scans) != 1 || scans[0].Text != "揽收" {
			t.Errorf("%+v, %+v, %v", courier, scans, err)
		}
		if courier, _, err := s.Trace(ctx, "other", "s1"); err != nil || courier.Name != "" {
			t.Errorf("another merchant reads %+v, %v", courier, err)
		}
	})
}

func TestUnfinishedBusinessIsFoundWhenItIsDue(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, Migrations(), func(t *testing.T, db *gorm.DB) {
		ctx, now := context.Background(), noon
		s := New(db, patience, func() time.Time { return now })
		asked := pickup(t, "m", "asked")
		asked.Ask(noon)
		if _, _, err := s.AddShipment(ctx, asked); err != nil {
			t.Fatal(err)
		}
		done := pickup(t, "m", "done")
		done.Receive(domain.Report{Order: domain.OrderRef{TaskID: "T"}, Seen: domain.Observation{State: domain.Booked}}, noon)
		if _, _, err := s.AddShipment(ctx, done); err != nil {
			t.Fatal(err)
		}
		if keys, err := s.ShipmentsWithWork(ctx, 10); err != nil || len(keys) != 0 {
			t.Errorf("at noon: %v, %v", keys, err)
		}
		now = noon.Add(patience.Rebook)
		if keys, err := s.ShipmentsWithWork(ctx, 10); err != nil || len(keys) != 1 || keys[0] != (Key{"m", "asked"}) {
			t.Errorf("when it is due: %v, %v", keys, err)
		}
	})
}

func TestTheReturnAddressIsTheOneSetLast(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for _, street := range []string{"一号库", "二号库"} {
			c := domain.Contact{Name: "仓库", Phone: "1", Province: "浙江", City: "杭州", District: "余杭", Street: street}
			if err := s.SetReturnAddress(ctx, "m", c); err != nil {
				t.Fatal(err)
			}
			if got, found, err := s.ReturnAddress(ctx, "m"); err != nil || !found || got != c {
				t.Errorf("%+v, %v, %v", got, found, err)
			}
		}
	})
}

func TestTheSchemaRefusesAStateThatDoesNotExist(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		wrong := pickup(t, "m", "s1")
		wrong.Seen.State = "teleported"
		if _, _, err := s.AddShipment(context.Background(), wrong); !database.IsCheckViolation(err) {
			t.Errorf("error %v", err)
		}
	})
}
