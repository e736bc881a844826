package store

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/seal"
)

func sealing(t testing.TB) *seal.Sealer {
	t.Helper()
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	s, err := seal.New(seal.Config{Keys: config.Secret("k1:" + key), Seal: true})
	require.NoError(t, err)
	return s
}

func TestTheDataOfEventsIsSealedAndReadsAsItWas(t *testing.T) {
	each(t, func(t *testing.T, plain *Store, _ *clock) {
		with := sealing(t)
		s := plain.Sealing(with)
		publish(t, plain, event(t, "m1", "e1", "refund.succeeded"))
		publish(t, s, event(t, "m1", "e2", "refund.succeeded"))
		written := func() (all []string) {
			require.NoError(t, s.db.Model(&eventRow{}).Where("merchant_id = ?", "m1").Order("event_id").Pluck("data", &all).Error)
			return all
		}
		require.NotContains(t, written()[1], "rf_1")
		done, err := with.Reseal(t.Context(), s.db, Sealed(with))
		require.NoError(t, err)
		require.Equal(t, 1, done.Changed)
		require.NotContains(t, written()[0], "rf_1")
		messages, _, err := s.Inbox(t.Context(), "m1", "buyer_1", false, Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, messages, 2)
		for _, m := range messages {
			require.JSONEq(t, `{"refund_id":"rf_1"}`, string(m.Event.Data))
		}
		again, err := s.Publish(t.Context(), event(t, "m1", "e2", "refund.succeeded"))
		require.NoError(t, err)
		require.False(t, again, "an event that is told again is the same one")
	})
}

func TestAForgottenBuyerHasNoMessagesAndGetsNoMore(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		endpoint(t, s, "m1", "key-1")
		publish(t, s, event(t, "m1", "e1", "refund.failed"))
		publish(t, s, event(t, "m2", "e1", "refund.failed"))
		dropped, more, err := s.ForgetBuyer(t.Context(), "m1", "buyer_1", 1)
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, int64(1), dropped)
		for more {
			_, more, err = s.ForgetBuyer(t.Context(), "m1", "buyer_1", 1)
			require.NoError(t, err)
		}
		inbox, _, err := s.Inbox(t.Context(), "m1", "buyer_1", false, Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, inbox)
		due, err := s.Due(t.Context(), nil, nil, 10)
		require.NoError(t, err)
		channels := map[domain.Channel]int{}
		for _, d := range due {
			channels[d.Channel]++
		}
		require.Equal(t, map[domain.Channel]int{domain.ChannelWebhook: 1, domain.ChannelEmail: 1}, channels,
			"the merchant's webhook and the other merchant's buyer stay")
		staff, _, err := s.Inbox(t.Context(), "m1", domain.StaffRecipient, false, Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, staff, 1)
	})
}

func TestAMessageThatIsBeingSentWhileItsBuyerIsForgottenEndsQuietly(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		publish(t, s, event(t, "m1", "e1", "refund.succeeded"))
		due, err := s.Due(t.Context(), nil, nil, 10)
		require.NoError(t, err)
		claimed, err := s.Claim(t.Context(), []string{due[0].DeliveryID}, time.Minute)
		require.NoError(t, err)
		_, _, err = s.ForgetBuyer(t.Context(), "m1", "buyer_1", 10)
		require.NoError(t, err)
		require.False(t, finish(t, s, claimed, claimed.Messages[0], domain.Result{Verdict: domain.Retry}))
		due, err = s.Due(t.Context(), nil, nil, 10)
		require.NoError(t, err)
		require.Empty(t, due)
	})
}

func TestRetentionDropsOldMessagesButNoneThatWaits(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		publish(t, s, event(t, "m1", "waiting", "refund.succeeded"))
		e := event(t, "m1", "told", "case.opened")
		e.Type = "refund.submitted"
		publish(t, s, e)
		dropped, _, err := s.ForgetBefore(t.Context(), c.now(), 10)
		require.NoError(t, err)
		require.Zero(t, dropped, "not yet over")
		for _, want := range []int64{1, 0} {
			dropped, _, err = s.ForgetBefore(t.Context(), c.now().Add(time.Second), 10)
			require.NoError(t, err)
			require.Equal(t, want, dropped)
		}
		inbox, _, err := s.Inbox(t.Context(), "m1", "buyer_1", false, Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, inbox, 1)
		require.Equal(t, "waiting", inbox[0].Event.EventID)
	})
}
