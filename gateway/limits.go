package gateway

import (
	"context"
	"math"
	stdhttp "net/http"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/http"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/problem"
)

// Limits are what one process gives to whom; several behind a balancer give so much each. Rates are a second, with bursts
// of twice as many, and 0 means no bound.
type Limits struct {
	// RequestsPerSecond bounds each subject of each merchant, BuyerRequestsPerSecond those that are only buyers, and
	// TenantRequestsPerSecond all subjects of a merchant together.
	RequestsPerSecond       float64 `env:"GATEWAY_REQUESTS_PER_SECOND" envDefault:"500" validate:"min=0"`
	BuyerRequestsPerSecond  float64 `env:"GATEWAY_BUYER_REQUESTS_PER_SECOND" envDefault:"50" validate:"min=0"`
	TenantRequestsPerSecond float64 `env:"GATEWAY_TENANT_REQUESTS_PER_SECOND" envDefault:"2000" validate:"min=0"`
	// CallbacksPerSecond bounds each provider, genuine or not.
	CallbacksPerSecond float64 `env:"GATEWAY_CALLBACKS_PER_SECOND" envDefault:"500" validate:"min=0"`
	// InFlight is how many requests are worked on at once. A tenant has half of it at most, a subject a quarter, and
	// each provider a quarter beside it.
	InFlight int `env:"GATEWAY_IN_FLIGHT" envDefault:"1024" validate:"min=4"`
	// Streams is how many event streams there may be, StreamsPerSubject how many of them a subject may have.
	Streams           int `env:"GATEWAY_STREAMS" envDefault:"2000" validate:"min=1"`
	StreamsPerSubject int `env:"GATEWAY_STREAMS_PER_SUBJECT" envDefault:"20" validate:"min=1"`
}

// limiter holds requests against the limits of one process.
type limiter struct {
	Limits
	rates  *access.Limiter
	places *access.Places
}

func newLimiter(l Limits) *limiter {
	rates := access.Rates{Subject: l.RequestsPerSecond, Buyer: l.BuyerRequestsPerSecond, Tenant: l.TenantRequestsPerSecond}
	return &limiter{Limits: l, rates: access.NewLimiter(rates, time.Now), places: access.NewPlaces(l.InFlight/4, l.InFlight/2)}
}

type placeKey struct{}

// place is what a request holds while it is under way.
type place struct{ release func() }

// keepPlace gives back what the request took once it is answered.
func (l *limiter) keepPlace(next stdhttp.Handler) stdhttp.Handler {
	return stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		held := &place{release: func() {}}
		defer func() { held.release() }()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), placeKey{}, held)))
	})
}

// admit takes a request of the principal, or refuses it with 429 and the time to come back. It must run within
// keepPlace.
func (l *limiter) admit(ctx context.Context, who access.Principal, op httpserver.Operation) error {
	if wait := l.rates.Take(who); wait > 0 {
		return tooMany(http.AnswerHeader(ctx), wait, "more requests than are allowed in this time; wait as long as Retry-After says")
	}
	held, ok := ctx.Value(placeKey{}).(*place)
	if !ok || op.ID == "streamEvents" { // streams have limits of their own
		return nil
	}
	release, free := l.places.Take(who)
	if !free {
		return tooMany(http.AnswerHeader(ctx), time.Second, "more requests of yours are under way than are taken at once; wait for their answers")
	}
	held.release = release
	return nil
}

// callbacks bounds what one provider sends. A provider that is refused sends again, and a case that waits for one asks by
// itself, so nothing is lost. Forged messages count as genuine ones do: which is which only the service knows.
func (l *limiter) callbacks(refuse func(stdhttp.ResponseWriter, *stdhttp.Request, error)) func(stdhttp.Handler) stdhttp.Handler {
	perSecond := rate.Limit(l.CallbacksPerSecond)
	if perSecond == 0 {
		perSecond = rate.Inf
	}
	bucket, places := rate.NewLimiter(perSecond, max(1, int(2*l.CallbacksPerSecond))), make(chan struct{}, l.InFlight/4)
	return func(next stdhttp.Handler) stdhttp.Handler {
		return stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			if !bucket.Allow() {
				refuse(w, r, tooMany(w.Header(), time.Second, "more messages than are taken in this time; send it again later"))
				return
			}
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
				next.ServeHTTP(w, r)
			default:
				refuse(w, r, tooMany(w.Header(), time.Second, "too many messages are under way; send it again later"))
			}
		})
	}
}

func tooMany(answer stdhttp.Header, wait time.Duration, detail string) error {
	answer.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return problem.TooManyRequests(detail)
}
