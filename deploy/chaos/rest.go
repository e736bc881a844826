package chaos

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"aftercare.dev/deploy/audit"
	notification "aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/problem"
)

// audit holds the house at rest against everything that is known.
func (r *runner) audit(ctx context.Context) error {
	r.Log.Info("nobody is under way any more, the house is audited")
	r.compare(ctx)
	resending, stop := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		r.resend(resending)
	}()
	found, err := audit.Settled(ctx, r.sources(), r.expected, settling)
	stop()
	<-sent
	if err != nil {
		return err
	}
	onTheWay := r.report.Audit
	r.report.Audit = found
	r.report.Audit.Merge(onTheWay)
	return nil
}

// settling is how long the last news may take: an outbox waits after a failure, a list follows what it lists.
const settling = 90 * time.Second

// sources are what the audit reads.
func (r *runner) sources() audit.Sources {
	s := audit.Of(r.house, r.slow.merchant, r.hasty.merchant)
	s.Log, s.Resent, s.Heard = r.Log, true, r.receiver.heard
	return s
}

// compare has the provider's bills compared with all that was refunded. What that finds is held against the journals by the
// audit.
func (r *runner) compare(ctx context.Context) {
	now := time.Now().In(time.FixedZone("Asia/Shanghai", 8*60*60))
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	report, err := r.clock.Compare(ctx, now.AddDate(0, 0, -1).Format(time.DateOnly), now.Format(time.DateOnly))
	if err != nil {
		r.find(audit.Wrong, "reconciliation", "", err.Error())
	}
	for _, day := range report.Compared {
		if day.Problem != "" {
			r.find(audit.Wrong, "reconciliation", day.Day, day.Problem)
		}
	}
}

// resend stands for the hours that nobody waits for: whoever has mended a receiver has what was not delivered sent again at
// once. Until ctx ends.
func (r *runner) resend(ctx context.Context) {
	for pass(ctx, time.Second) {
		for _, s := range []shop{r.slow, r.hasty} {
			if err := s.resend(ctx); err != nil && ctx.Err() == nil {
				r.Log.Warn("nothing is sent again", "error", err)
			}
		}
	}
}

// resend has those messages of the shop sent again that wait for a later hour.
func (s shop) resend(ctx context.Context) error {
	var waiting notification.DeliveryPage
	if err := s.people["operator"].Ask(ctx, http.MethodGet, "/v1/deliveries?state=pending&limit=200", "", nil, &waiting); err != nil {
		return err
	}
	for _, d := range waiting.Items {
		if d.Attempts == 0 || d.NextAttemptAt == nil || time.Until(*d.NextAttemptAt) < 2*time.Second {
			continue
		}
		err := s.people["operator"].Ask(ctx, http.MethodPost, "/v1/deliveries/"+d.DeliveryID+"/resend", "", nil, nil)
		if _, refused := problem.As(err); err != nil && !refused {
			return fmt.Errorf("send %s again: %w", d.DeliveryID, err)
		}
	}
	return nil
}
