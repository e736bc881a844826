package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/problem"
)

const hookURL = "https://shop.example/hooks"

func TestCreatingAnEndpointAgainGivesTheSameOneWithItsSecret(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		ctx := context.Background()
		type answer struct{ id, secret string }
		answers := make(chan answer, 12)
		var running sync.WaitGroup
		for range cap(answers) {
			running.Go(func() {
				e, secret, err := s.CreateEndpoint(ctx, "m1", "key-0001", hookURL, []string{"b.b", "a.a"})
				if err != nil {
					t.Error(err)
				}
				answers <- answer{e.EndpointID, secret}
			})
		}
		running.Wait()
		first := <-answers
		for range cap(answers) - 1 {
			if other := <-answers; other != first || first.secret == "" {
				t.Errorf("the answers differ in id or secret: %s, %s", first.id, other.id)
			}
		}
		found, err := s.Endpoints(ctx, "m1")
		if err != nil || len(found) != 1 || !slices.Equal(found[0].Types, []string{"a.a", "b.b"}) {
			t.Errorf("endpoints %+v, %v", found, err)
		}
		_, _, err = s.CreateEndpoint(ctx, "m1", "key-0001", hookURL, nil)
		wantCode(t, err, domain.CodeKeyReused)

		c.advance(domain.SecretShownFor)
		if _, secret, err := s.CreateEndpoint(ctx, "m1", "key-0001", hookURL, []string{"a.a", "b.b"}); err != nil || secret != "" {
			t.Errorf("a day later the secret is shown: %v", err)
		}
	})
}

func TestAMerchantHasAtMostTwentyEndpointsUnderAnyConcurrency(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		ctx := context.Background()
		for i := range domain.MaxEndpoints - 3 {
			endpoint(t, s, "m1", fmt.Sprintf("first-%04d", i))
		}
		var made, refused atomic.Int32
		var running sync.WaitGroup
		for i := range 8 {
			running.Go(func() {
				_, _, err := s.CreateEndpoint(ctx, "m1", fmt.Sprintf("key-%04d", i), hookURL, nil)
				switch {
				case err == nil:
					made.Add(1)
				case problem.HasCode(err, domain.CodeTooManyEndpoints):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		running.Wait()
		if made.Load() != 3 || refused.Load() != 5 {
			t.Errorf("made %d, refused %d", made.Load(), refused.Load())
		}
		found, err := s.Endpoints(ctx, "m1")
		if err != nil || len(found) != domain.MaxEndpoints {
			t.Fatalf("%d endpoints, %v", len(found), err)
		}
		if err := s.RemoveEndpoint(ctx, "m1", found[4].EndpointID); err != nil {
			t.Fatal(err)
		}
		endpoint(t, s, "m1", "key-after")
	})
}

func TestARotatedSecretSignsBesideTheNewOneForADay(t *testing.T) {
	each(t, func(t *testing.T, s *Store, c *clock) {
		ctx := context.Background()
		e, first, err := s.CreateEndpoint(ctx, "m1", "key-0001", hookURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		signing := func(want ...string) {
			t.Helper()
			got, err := s.SigningSecrets(ctx, "m1", e.EndpointID)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d secrets sign, want %d: %v", len(got), len(want), err)
			}
		}
		signing(first)
		_, second, err := s.ChangeEndpoint(ctx, "m1", e.EndpointID, domain.EndpointChange{Rotate: true})
		if err != nil || second == "" || second == first {
			t.Fatalf("rotate: %v", err)
		}
		signing(second, first)
		if _, secret, err := s.CreateEndpoint(ctx, "m1", "key-0001", hookURL, nil); err != nil || secret != "" {
			t.Errorf("the creation's repeat shows a secret after a rotation: %v", err)
		}
		// The answer was lost and the call is repeated: what the receiver still has must go on working.
		c.advance(time.Hour)
		_, third, err := s.ChangeEndpoint(ctx, "m1", e.EndpointID, domain.EndpointChange{Rotate: true})
		if err != nil {
			t.Fatal(err)
		}
		signing(third, second, first)
		c.advance(domain.OldSecretSigns - time.Hour)
		signing(third, second)
		c.advance(time.Hour)
		signing(third)
	})
}

func TestRotationsAreBoundedAndOneSecretAlwaysStays(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		ctx := context.Background()
		e := endpoint(t, s, "m1", "key-0001")
		var rotated, refused atomic.Int32
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() {
				_, _, err := s.ChangeEndpoint(ctx, "m1", e.EndpointID, domain.EndpointChange{Rotate: true})
				switch {
				case err == nil:
					rotated.Add(1)
				case problem.HasCode(err, domain.CodeTooManySecrets):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		running.Wait()
		secrets, err := s.SigningSecrets(ctx, "m1", e.EndpointID)
		if err != nil || len(secrets) != domain.MaxSecrets || rotated.Load() != domain.MaxSecrets-1 || refused.Load() != 4 {
			t.Errorf("%d secrets, %d rotated, %d refused, %v", len(secrets), rotated.Load(), refused.Load(), err)
		}
	})
}

func TestAnEndpointIsChangedInWhatIsNamedOnly(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		ctx := context.Background()
		e := endpoint(t, s, "m1", "key-0001", "case.approved")
		url, no, yes, none := "https://new.example", false, true, []string{}
		for _, c := range []struct {
			change domain.EndpointChange
			check  func(domain.Endpoint) bool
		}{
			{domain.EndpointChange{URL: &url}, func(e domain.Endpoint) bool { return e.URL == url && len(e.Types) == 1 && e.Enabled }},
			{domain.EndpointChange{Types: &none}, func(e domain.Endpoint) bool { return e.URL == url && len(e.Types) == 0 }},
			{domain.EndpointChange{Enabled: &no}, func(e domain.Endpoint) bool { return !e.Enabled && e.DisabledReason == domain.DisabledByOwner }},
			{domain.EndpointChange{Enabled: &yes}, func(e domain.Endpoint) bool { return e.Enabled && e.DisabledReason == "" }},
		} {
			changed, secret, err := s.ChangeEndpoint(ctx, "m1", e.EndpointID, c.change)
			if err != nil || secret != "" || !c.check(changed) {
				t.Errorf("changed to %+v, %v", changed, err)
			}
			stored, err := s.Endpoint(ctx, "m1", e.EndpointID)
			if err != nil || !c.check(stored) {
				t.Errorf("stored %+v, %v", stored, err)
			}
		}
	})
}

func TestEndpointsOfAnotherMerchantDoNotExist(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		ctx := context.Background()
		e := endpoint(t, s, "m1", "key-0001")
		endpoint(t, s, "m2", "key-0001")
		no := false
		_, err := s.Endpoint(ctx, "m2", e.EndpointID)
		wantCode(t, err, domain.CodeEndpointNotFound)
		_, _, err = s.ChangeEndpoint(ctx, "m2", e.EndpointID, domain.EndpointChange{Enabled: &no, Rotate: true})
		wantCode(t, err, domain.CodeEndpointNotFound)
		wantCode(t, s.RemoveEndpoint(ctx, "m2", e.EndpointID), domain.CodeEndpointNotFound)
		if secrets, err := s.SigningSecrets(ctx, "m2", e.EndpointID); err != nil || len(secrets) != 0 {
			t.Errorf("another merchant sees %d secrets, %v", len(secrets), err)
		}
		publish(t, s, event(t, "m2", "evt_1", "goods.received"))
		if got := deliveries(t, s, "m1", Filter{}); len(got) != 0 {
			t.Errorf("m1 hears of m2's event: %+v", got)
		}
	})
}

func TestARemovedEndpointIsGoneWithItsSecrets(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *clock) {
		ctx := context.Background()
		e := endpoint(t, s, "m1", "key-0001")
		if err := s.RemoveEndpoint(ctx, "m1", e.EndpointID); err != nil {
			t.Fatal(err)
		}
		wantCode(t, s.RemoveEndpoint(ctx, "m1", e.EndpointID), domain.CodeEndpointNotFound)
		if secrets, err := s.SigningSecrets(ctx, "m1", e.EndpointID); err != nil || len(secrets) != 0 {
			t.Errorf("%d secrets are left, %v", len(secrets), err)
		}
		if found, err := s.Endpoints(ctx, "m1"); err != nil || len(found) != 0 {
			t.Errorf("endpoints %+v, %v", found, err)
		}
		_, _, err := s.CreateEndpoint(ctx, "m1", "key-0001", "https://shop.example/key-0001", nil)
		wantCode(t, err, domain.CodeKeyReused)
	})
}
