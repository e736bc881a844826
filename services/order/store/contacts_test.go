package store_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/seal"
)

var zhang = domain.Contact{Name: "张三丰", Phone: "13800138000", Street: "光明路 7 号", Language: "zh-CN"}

func keyOf(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

func sealer(t testing.TB, keys string, sealing bool) *seal.Sealer {
	t.Helper()
	s, err := seal.New(seal.Config{Keys: config.Secret(keys), IndexKey: config.Secret(keyOf(9)), Seal: sealing})
	require.NoError(t, err)
	return s
}

func putContact(t testing.TB, s *store.Store, orderID, buyerID string, c domain.Contact) store.PutResult {
	t.Helper()
	order := draft()
	order.BuyerID = buyerID
	result, err := s.Put(t.Context(), merchant, orderID, checked(t, order), c)
	require.NoError(t, err)
	return result
}

// written is all that the table of contacts has, as a dump would.
func written(t testing.TB, db *gorm.DB) string {
	t.Helper()
	var rows []map[string]any
	require.NoError(t, db.Table("order_contacts").Where("merchant_id = ?", merchant).Find(&rows).Error)
	var text strings.Builder
	for _, row := range rows {
		for _, value := range row {
			if raw, is := value.([]byte); is {
				value = string(raw)
			}
			fmt.Fprintln(&text, value)
		}
	}
	return text.String()
}

func requireHidden(t testing.TB, text string) {
	t.Helper()
	for _, secret := range []string{zhang.Name, zhang.Phone, zhang.Street} {
		require.NotContains(t, text, secret)
	}
}

func TestAContactIsSealedInTheDatabaseAndReadsAsItWas(t *testing.T) {
	onBoth(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		s := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		putContact(t, s, "o1", "b1", zhang)
		requireHidden(t, written(t, db))
		read, err := s.Contact(t.Context(), merchant, "o1")
		require.NoError(t, err)
		require.Equal(t, zhang, read)
		require.Equal(t, store.Unchanged, putContact(t, s, "o1", "b1", zhang).Outcome)
	})
}

func TestContactsFromBeforeTheKeysAreReadAndThenResealed(t *testing.T) {
	onBoth(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		old, off := sealer(t, "k1:"+keyOf(1), true), sealer(t, "k1:"+keyOf(1), false)
		putContact(t, plain, "o1", "b1", zhang)
		putContact(t, plain.Sealing(old), "o2", "b1", zhang)
		putContact(t, plain.Sealing(off), "o3", "b1", zhang)
		putContact(t, plain, "o4", "b1", domain.Contact{Name: "without a number"})
		fresh := sealer(t, "k2:"+keyOf(2)+",k1:"+keyOf(1), true)
		s := plain.Sealing(fresh)
		for _, id := range []string{"o1", "o2", "o3"} {
			read, err := s.Contact(t.Context(), merchant, id)
			require.NoError(t, err)
			require.Equal(t, zhang, read, id)
		}
		done, err := fresh.Reseal(t.Context(), db, store.Sealed(fresh))
		require.NoError(t, err)
		require.Equal(t, seal.Report{Rows: 4, Changed: 4}, done)
		requireHidden(t, written(t, db))
		done, err = fresh.Reseal(t.Context(), db, store.Sealed(fresh))
		require.NoError(t, err)
		require.Zero(t, done, "what is done is not done again")

		after := plain.Sealing(sealer(t, "k2:"+keyOf(2), true))
		found, err := after.SearchPhone(t.Context(), merchant, "+86 138 0013 8000")
		require.NoError(t, err)
		require.Len(t, found, 3, "what was plain is found too")
		for _, one := range found {
			require.Equal(t, zhang, one.Contact)
		}
	})
}

func TestResealGoesOnWhereItStopped(t *testing.T) {
	onBoth(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		for i := range 5 {
			putContact(t, plain, fmt.Sprintf("o%d", i), "b1", zhang)
		}
		s := sealer(t, "k1:"+keyOf(1), true)
		// The third row cannot be opened: it was sealed with a key that is not here.
		lost := sealer(t, "k0:"+keyOf(7), true)
		putContact(t, plain.Sealing(lost), "o2", "b1", domain.Contact{Name: "x"})
		done, err := s.Reseal(t.Context(), db, store.Sealed(s))
		require.ErrorIs(t, err, seal.ErrNoKey)
		require.Equal(t, 2, done.Changed)
		both := sealer(t, "k1:"+keyOf(1)+",k0:"+keyOf(7), true)
		done, err = both.Reseal(t.Context(), db, store.Sealed(both))
		require.NoError(t, err)
		require.Equal(t, 3, done.Changed)
	})
}

func TestResealNeedsAKeyToSealWith(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *store.Store, db *gorm.DB) {
		off := sealer(t, "k1:"+keyOf(1), false)
		_, err := off.Reseal(t.Context(), db, store.Sealed(off))
		require.ErrorIs(t, err, seal.ErrPlain)
	})
}

func TestAPhoneIsSearchedAtItsMerchantOnlyAndNotWithoutAnIndexKey(t *testing.T) {
	onBoth(t, func(t *testing.T, plain *store.Store, _ *gorm.DB) {
		s := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		putContact(t, s, "o1", "b1", zhang)
		found, err := s.SearchPhone(t.Context(), merchant, "138-0013-8000")
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "b1", found[0].BuyerID)
		for _, elsewhere := range []struct{ merchant, phone string }{{"m-2", zhang.Phone}, {merchant, "13800138001"}} {
			found, err := s.SearchPhone(t.Context(), elsewhere.merchant, elsewhere.phone)
			require.NoError(t, err)
			require.Empty(t, found)
		}
		changed := zhang
		changed.Phone = "13900139000"
		putContact(t, s, "o1", "b1", changed)
		found, err = s.SearchPhone(t.Context(), merchant, zhang.Phone)
		require.NoError(t, err)
		require.Empty(t, found, "the index follows the contact")

		_, err = plain.SearchPhone(t.Context(), merchant, zhang.Phone)
		requireProblem(t, err, domain.CodeSearchOff)
		_, err = s.SearchPhone(t.Context(), merchant, "110")
		requireProblem(t, err, domain.CodeInvalidPhone)
	})
}

func requireProblem(t testing.TB, err error, code string) {
	t.Helper()
	p, is := problem.As(err)
	require.True(t, is, "%v", err)
	require.Equal(t, code, p.Code)
}

func TestWhoSeesAContactIsWrittenDown(t *testing.T) {
	onBoth(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		s := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		putContact(t, s, "o1", "b1", zhang)
		seen, err := s.Reveal(t.Context(), merchant, "o1", domain.Reveal{ActorRole: "agent", ActorID: "agent-1", Reason: "call " + zhang.Name + " back"})
		require.NoError(t, err)
		require.Equal(t, zhang, seen)
		_, err = s.Reveal(t.Context(), "m-2", "o1", domain.Reveal{ActorRole: "agent", ActorID: "agent-2", Reason: "curious"})
		requireProblem(t, err, domain.CodeOrderNotFound)
		_, err = s.Reveal(t.Context(), merchant, "o1", domain.Reveal{ActorRole: "finance", ActorID: "finance-1", Reason: "second look"})
		require.NoError(t, err)

		first, next, err := s.Reveals(t.Context(), merchant, "o1", "", "", 1)
		require.NoError(t, err)
		require.Equal(t, "second look", first[0].Reason)
		second, end, err := s.Reveals(t.Context(), merchant, "", "", next, 1)
		require.NoError(t, err)
		require.Empty(t, end)
		require.Equal(t, "call "+zhang.Name+" back", second[0].Reason)
		require.Equal(t, placed.Add(24*time.Hour), second[0].At)
		mine, _, err := s.Reveals(t.Context(), merchant, "", "agent-1", "", 10)
		require.NoError(t, err)
		require.Len(t, mine, 1)
		var raw string
		require.NoError(t, db.Table("reveals").Where("merchant_id = ? AND actor_id = ?", merchant, "agent-1").Pluck("reason", &raw).Error)
		requireHidden(t, raw)
	})
}

func TestAForgottenContactDoesNotComeBack(t *testing.T) {
	onBoth(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		s := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		for _, id := range []string{"o1", "o2", "o3"} {
			putContact(t, s, id, "b1", zhang)
		}
		putContact(t, s, "o4", "b2", zhang)
		ids, more, err := s.ForgetBuyer(t.Context(), merchant, "b1", "", 2)
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, []string{"o1", "o2"}, ids)
		ids, more, err = s.ForgetBuyer(t.Context(), merchant, "b1", "o2", 2)
		require.NoError(t, err)
		require.False(t, more)
		require.Equal(t, []string{"o3"}, ids)

		require.Equal(t, store.Unchanged, putContact(t, s, "o1", "b1", zhang).Outcome, "the same order again is no change")
		changed := draft()
		changed.BuyerID = "b1"
		changed.Lines[0].Title = "A mug"
		result, err := s.Put(t.Context(), merchant, "o1", checked(t, changed), zhang)
		require.NoError(t, err)
		require.Equal(t, store.Updated, result.Outcome)
		read, err := s.Contact(t.Context(), merchant, "o1")
		require.NoError(t, err)
		require.Empty(t, read)
		left, _, err := s.ContactsOfBuyer(t.Context(), merchant, "b1", "", 10)
		require.NoError(t, err)
		require.Len(t, left, 3, "the orders stay")
		for _, one := range left {
			require.Empty(t, one.Contact)
		}
		kept, err := s.Contact(t.Context(), merchant, "o4")
		require.NoError(t, err)
		require.Equal(t, zhang, kept, "another buyer's stays")
		again, _, err := s.ForgetBuyer(t.Context(), merchant, "b1", "", 10)
		require.NoError(t, err)
		require.Len(t, again, 3, "erasing again tells the same orders")
		var hash string
		require.NoError(t, db.Table("orders").Where("merchant_id = ? AND order_id = ?", merchant, "o2").Pluck("content_hash", &hash).Error)
		order := draft()
		order.BuyerID = "b1"
		without, err := domain.Hash(checked(t, order), domain.Contact{})
		require.NoError(t, err)
		require.Equal(t, without, hash, "no hash is left from which a phone number could be guessed")
	})
}

func TestRetentionDropsOldContactsUnlessACaseHasUnits(t *testing.T) {
	onBoth(t, func(t *testing.T, plain *store.Store, _ *gorm.DB) {
		s := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		ctx := context.Background()
		for _, id := range []string{"o1", "o2"} {
			putContact(t, s, id, "b1", zhang)
		}
		reserve(t, s, "o2", "case_1", units("A", 1))
		dropped, _, err := s.ForgetBefore(ctx, placed, 10)
		require.NoError(t, err)
		require.Zero(t, dropped, "not yet over")
		dropped, more, err := s.ForgetBefore(ctx, placed.Add(time.Second), 10)
		require.NoError(t, err)
		require.Equal(t, int64(1), dropped)
		require.False(t, more)
		for id, want := range map[string]domain.Contact{"o1": {}, "o2": zhang} {
			read, err := s.Contact(ctx, merchant, id)
			require.NoError(t, err)
			require.Equal(t, want, read, id)
		}
		settle(t, s, "o2", "case_1")
		dropped, _, err = s.ForgetBefore(ctx, placed.Add(time.Second), 10)
		require.NoError(t, err)
		require.Equal(t, int64(1), dropped, "when the case has ended its time is over too")
	})
}
