package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"aftercare.dev/deploy/audit"
	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/split"
	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
)

// shop is a merchant with its people.
type shop struct {
	merchant string
	door     client.Door
	people   map[string]client.Person
	clock    *split.Clock
	// stroke is after how long the clock strikes for a case that stands still.
	stroke time.Duration
}

// roles are those who act.
var roles = []string{"storefront", "agent", "warehouse", "finance", "operator", "administrator"}

// open makes the people of a merchant and gives it an address that goods come back to.
func open(ctx context.Context, door client.Door, clock *split.Clock, merchant string) (shop, error) {
	s := shop{merchant: merchant, door: door, people: map[string]client.Person{}, clock: clock, stroke: stroke}
	for _, role := range roles {
		someone, err := door.Person(merchant, role, role+"-1", patience)
		if err != nil {
			return s, err
		}
		s.people[role] = someone
	}
	err := s.people["administrator"].Ask(ctx, http.MethodPut, "/v1/return-address", "", map[string]any{
		"name": "Warehouse", "phone": "0571-88886666", "province": "Zhejiang", "city": "Hangzhou", "street": "Cangqian 1",
	}, nil)
	return s, err
}

// hurry gives a merchant a policy whose clocks a test can wait for.
func (s shop) hurry(ctx context.Context) error {
	var now cases.Policy
	if err := s.people["administrator"].Ask(ctx, http.MethodGet, "/v1/policy", "", nil, &now); err != nil {
		return err
	}
	clocks := &now.Policy.Clocks
	clocks.ReviewSeconds, clocks.ShipSeconds, clocks.AnswerSeconds, clocks.InfoSeconds = 8, 12, 8, 8
	clocks.ShipReminderSeconds = []int64{6}
	err := s.people["administrator"].Ask(ctx, http.MethodPut, "/v1/policy", "", now.Policy, nil)
	return err
}

func cny(minor int64) money.Money { return money.Money{Amount: minor, Currency: "CNY"} }

// The goods of an order: three jackets whose price does not divide by three, and a scarf.
const (
	jacket, jackets, jacketsPaid = "jacket", 3, 40001
	scarf, scarfPaid             = "scarf", 15900
	freight                      = 1000
)

// customer is an order with the cases that are filed for it.
type customer struct {
	shop    shop
	outside world
	orderID string
	order   order.OrderInput
	trips   []*trip
}

// seeded fills an id with chance of its own.
func seeded(random *rand.Rand) string { return strings.ToUpper(fmt.Sprintf("%016x", random.Uint64())) }

// customer is the customer of this number: the same for the same seed. Ids differ from run to run.
func (r *runner) customer(n int) *customer {
	random := rand.New(rand.NewPCG(r.Seed, customers<<32+uint64(n)))
	c := &customer{shop: r.slow, outside: r.outside, orderID: ids.New("o")}
	way := pick(random, paths)
	if n >= 1 && n <= len(r.First) {
		way = named(r.First[n-1])
	}
	if way.Silent {
		c.shop = r.hasty
	}
	insured := way.Insured || way.straight() && random.IntN(3) == 0
	c.order = sale(random, insured)
	first := c.add(random, way, jacket, 1+random.Int64N(2))
	if way.Verdict == partly {
		first.lines[0].Quantity = 2
	}
	if random.IntN(5) == 0 && !way.Silent && !way.Alone && way.Afterwards != refundedOutside {
		// Others ask for the rest at the same time: with the last unit the freight comes back.
		c.add(random, pick(random, plain), jacket, jackets-first.lines[0].Quantity)
		c.add(random, pick(random, plain), scarf, 1)
	}
	r.trouble(random, first, insured)
	return c
}

// trouble has the outside world misbehave towards one of two customers whose case would go straight.
func (r *runner) trouble(random *rand.Rand, t *trip, insured bool) {
	trouble := pick(random, troubles)
	if insured {
		trouble = pick(random, insurerTroubles)
	}
	fits := (trouble.System != "carrier" || t.path.Pickup) && (!r.Brisk || insured || !trouble.slow())
	if random.IntN(2) == 0 && fits && t.path.straight() && len(t.customer.trips) == 1 {
		t.path.Faults = append(slices.Clone(t.path.Faults), trouble)
	}
}

// named is the path of a name, the first if it is several.
func named(name string) path {
	return paths[slices.IndexFunc(paths, func(p path) bool { return p.Name == name })]
}

// plain are the paths that go straight.
var plain = paths[:4]

// straight tells whether nothing but people decides how the case goes on. Only then can a claim for its freight be settled
// while a test waits for it, and only then is a fault made up for by the house alone.
func (p path) straight() bool {
	return p.Parcel == "" && p.Outcome == "" && p.Afterwards == none && !p.Silent && !p.Alone && !p.MixedUp && p.Withdraws == ""
}

// add files a case for some units of a line.
func (c *customer) add(random *rand.Rand, way path, line string, quantity int64) *trip {
	t := &trip{
		customer: c, path: way, acted: map[string]int{}, key: ids.New("key"), tracking: seeded(random),
		lines: []cases.LineQuantity{{LineID: line, Quantity: quantity}}, together: 1 + 2*random.IntN(2),
		expected: audit.Expected{MerchantID: c.shop.merchant, OrderID: c.orderID},
	}
	c.trips = append(c.trips, t)
	return t
}

// sale is an order of chance, paid in one or two parts.
func sale(random *rand.Rand, insured bool) order.OrderInput {
	now := time.Now().UTC()
	total, carried, delivered := int64(jacketsPaid+scarfPaid+freight), cny(freight), now.Add(-20*time.Hour)
	n := seeded(random) + ids.New("x")[16:]
	title := "Goods"
	in := order.OrderInput{
		BuyerID: "buyer-" + n[:4], Currency: "CNY", PlacedAt: now.Add(-48 * time.Hour), Freight: &carried, FreightInsurance: &insured,
		Lines: []order.OrderLineInput{
			{LineID: jacket, Sku: "JKT", Title: &title, Quantity: jackets, Amount: cny(jacketsPaid)},
			{LineID: scarf, Sku: "SCF", Title: &title, Quantity: 1, Amount: cny(scarfPaid)},
		},
		Contact: contact(),
		Deliveries: &[]order.Delivery{{
			DeliveryID: "d1", Carrier: "shunfeng", TrackingNumber: "SF" + n, ShippedAt: now.Add(-44 * time.Hour), DeliveredAt: &delivered,
		}},
	}
	parts := []int64{total}
	if random.IntN(3) == 0 && !insured {
		parts = []int64{20000, total - 20000}
	}
	for i, part := range parts {
		in.Payments = append(in.Payments, order.Payment{
			PaymentID: fmt.Sprintf("p%d", i), Provider: order.Wechatpay, ProviderReference: fmt.Sprintf("P%d%s", i, n),
			Amount: cny(part), PaidAt: now.Add(-47 * time.Hour),
		})
	}
	return in
}

func contact() *order.Contact {
	text := func(v string) *string { return &v }
	return &order.Contact{
		Name: text("A Buyer"), Phone: text("13800000000"), Email: text("a.buyer@buyers.example"), PayerReference: text("openid-of-a-buyer"),
		Province: text("Shanghai"), City: text("Shanghai"), Street: text("A street 1"),
	}
}

// live is a customer from the order to the end of the last case. Each case is told to done when it has ended, or is left.
func (c *customer) live(ctx context.Context, done func(*trip, error)) {
	failed := c.buy(ctx)
	var trips sync.WaitGroup
	for _, t := range c.trips {
		trips.Go(func() {
			err := failed
			if err == nil {
				err = t.travel(ctx)
			}
			done(t, err)
		})
	}
	trips.Wait()
}

// buy makes the order known. What the insurer does wrong to it is arranged before, because it is insured at once.
func (c *customer) buy(ctx context.Context) error {
	for _, t := range c.trips {
		if err := t.arrange(ctx, t.path.insurerFaults(), t.payments("order_no")); err != nil {
			return err
		}
	}
	return c.shop.people["storefront"].Ask(ctx, http.MethodPut, "/v1/orders/"+c.orderID, "", c.order, nil)
}
