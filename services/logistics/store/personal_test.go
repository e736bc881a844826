package store

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/seal"
)

var (
	zhang   = domain.Contact{Name: "张三丰", Phone: "13800138000", Province: "广东", City: "深圳", District: "南山", Street: "光明路 7 号"}
	courier = domain.Courier{Name: "李快递", Phone: "13900139000"}
	scans   = []domain.Scan{{At: noon, Text: "courier 李快递 13900139000"}}
)

func keyOf(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

func sealer(t testing.TB, keys string, sealing bool) *seal.Sealer {
	t.Helper()
	s, err := seal.New(seal.Config{Keys: config.Secret(keys), Seal: sealing})
	require.NoError(t, err)
	return s
}

// travels writes a parcel of an order with courier and scans, and returns the contact that it was picked up at.
func travels(t testing.TB, s *Store, shipmentID, orderID string) string {
	t.Helper()
	ctx := t.Context()
	id, err := s.AddContact(ctx, "m", orderID, zhang)
	require.NoError(t, err)
	parcel, err := domain.NewShipment("m", shipmentID, domain.Request{
		CaseID: "case", OrderID: orderID, Direction: domain.ToWarehouse, Method: domain.Pickup, WeightGrams: 700, ContactID: id,
	}, domain.NextSlot(noon), noon)
	require.NoError(t, err)
	_, _, err = s.AddShipment(ctx, parcel)
	require.NoError(t, err)
	_, err = s.UpdateShipment(ctx, "m", shipmentID, func(p *domain.Shipment) error {
		p.Courier, p.Scans = &courier, scans
		return nil
	})
	require.NoError(t, err)
	return id
}

// requireRead checks that everything reads as it was written.
func requireRead(t testing.TB, s *Store, shipmentID, contactID string) {
	t.Helper()
	c, err := s.Contact(t.Context(), "m", contactID)
	require.NoError(t, err)
	require.Equal(t, zhang, c)
	who, way, err := s.Trace(t.Context(), "m", shipmentID)
	require.NoError(t, err)
	require.Equal(t, courier, who)
	require.Equal(t, scans, way)
}

// dump is all that the tables with people's data have.
func dump(t testing.TB, s *Store) string {
	t.Helper()
	var text strings.Builder
	for _, table := range []string{"contacts", "shipment_traces", "shipments"} {
		var rows []map[string]any
		require.NoError(t, s.db.Table(table).Where("merchant_id = ?", "m").Find(&rows).Error)
		for _, row := range rows {
			for column, value := range row {
				if raw, is := value.([]byte); is {
					value = string(raw)
				}
				if pointer, is := value.(*string); is && pointer != nil {
					value = *pointer
				}
				fmt.Fprintln(&text, column, value)
			}
		}
	}
	return text.String()
}

func requireHidden(t testing.TB, text string) {
	t.Helper()
	require.NotEmpty(t, text)
	for _, secret := range []string{zhang.Name, zhang.Phone, zhang.Street, courier.Name, courier.Phone} {
		require.NotContains(t, text, secret)
	}
}

func TestAddressesCouriersAndScansAreSealed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		s = s.Sealing(sealer(t, "k1:"+keyOf(1), true))
		id := travels(t, s, "s1", "o1")
		requireRead(t, s, "s1", id)
		require.NoError(t, s.SetReturnAddress(t.Context(), "m", zhang))
		home, found, err := s.ReturnAddress(t.Context(), "m")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, zhang, home)
		requireHidden(t, dump(t, s))
	})
}

func TestPlainAndSealedParcelsAreReadSideBySideAndResealed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, plain *Store) {
		old, off := sealer(t, "k1:"+keyOf(1), true), sealer(t, "k1:"+keyOf(1), false)
		parcels := map[string]string{
			"s1": travels(t, plain, "s1", "o1"), "s2": travels(t, plain.Sealing(old), "s2", "o2"), "s3": travels(t, plain.Sealing(off), "s3", "o3"),
		}
		fresh := sealer(t, "k2:"+keyOf(2)+",k1:"+keyOf(1), true)
		for parcel, contact := range parcels {
			requireRead(t, plain.Sealing(fresh), parcel, contact)
		}
		done, err := Reseal(t.Context(), plain.db, fresh)
		require.NoError(t, err)
		require.Equal(t, done.Rows, done.Changed)
		require.NotZero(t, done.Changed)
		requireHidden(t, dump(t, plain))
		only := plain.Sealing(sealer(t, "k2:"+keyOf(2), true))
		for parcel, contact := range parcels {
			requireRead(t, only, parcel, contact)
		}
		done, err = Reseal(t.Context(), plain.db, fresh)
		require.NoError(t, err)
		require.Zero(t, done)
	})
}

func TestACourierTakenFromASealedRowIsReplacedByAPlainOneDuringAnUpgrade(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, plain *Store) {
		on := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		off := plain.Sealing(sealer(t, "k1:"+keyOf(1), false))
		travels(t, on, "s1", "o1")
		other := domain.Courier{Name: "王", Phone: "13700137000"}
		_, err := off.UpdateShipment(t.Context(), "m", "s1", func(p *domain.Shipment) error {
			p.Courier = &other
			return nil
		})
		require.NoError(t, err)
		who, way, err := on.Trace(t.Context(), "m", "s1")
		require.NoError(t, err)
		require.Equal(t, other, who)
		require.Equal(t, scans, way)
	})
}

func TestForgettingOrdersDropsTheirPeopleAndKeepsTheParcels(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		s = s.Sealing(sealer(t, "k1:"+keyOf(1), true))
		gone, kept := travels(t, s, "s1", "o1"), travels(t, s, "s2", "o2")
		loose, err := s.AddContact(t.Context(), "m", "o1", zhang)
		require.NoError(t, err)
		early := travels(t, s, "s3", "o1")
		// One of the first release, which did not say for which order it is.
		require.NoError(t, s.db.Model(&contact{}).Where("merchant_id = ? AND contact_id = ?", "m", early).Update("order_id", "").Error)

		told, err := s.OfOrders(t.Context(), "m", []string{"o1"})
		require.NoError(t, err)
		require.Equal(t, map[string]domain.Contact{gone: zhang, loose: zhang, early: zhang}, told.Contacts)
		require.Equal(t, map[string]domain.Courier{"s1": courier, "s3": courier}, told.Couriers)

		for _, want := range []int64{5, 0} {
			dropped, err := s.ForgetOrders(t.Context(), "m", []string{"o1"})
			require.NoError(t, err)
			require.Equal(t, want, dropped)
		}
		for _, id := range []string{gone, loose, early} {
			_, err := s.Contact(t.Context(), "m", id)
			require.Error(t, err)
		}
		who, way, err := s.Trace(t.Context(), "m", "s1")
		require.NoError(t, err)
		require.Empty(t, who)
		require.Empty(t, way)
		_, err = s.Shipment(t.Context(), "m", "s1")
		require.NoError(t, err, "the parcel stays")
		requireRead(t, s, "s2", kept)
		dropped, err := s.ForgetOrders(t.Context(), "m-2", []string{"o2"})
		require.NoError(t, err)
		require.Zero(t, dropped, "another merchant has no such order")
	})
}

func TestRetentionDropsOldAddressesButNotWhereReturnsGo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		s = s.Sealing(sealer(t, "k1:"+keyOf(1), true))
		id := travels(t, s, "s1", "o1")
		require.NoError(t, s.SetReturnAddress(t.Context(), "m", zhang))
		dropped, _, err := s.ForgetBefore(t.Context(), noon, 10)
		require.NoError(t, err)
		require.Zero(t, dropped, "not yet over")
		dropped, more, err := s.ForgetBefore(t.Context(), noon.Add(time.Second), 10)
		require.NoError(t, err)
		require.Equal(t, int64(2), dropped)
		require.False(t, more)
		_, err = s.Contact(t.Context(), "m", id)
		require.Error(t, err)
		_, found, err := s.ReturnAddress(t.Context(), "m")
		require.NoError(t, err)
		require.True(t, found)
	})
}

func TestATraceWithoutADateIsNotDroppedAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		travels(t, s, "s1", "o1")
		require.NoError(t, s.db.Model(&trace{}).Where("merchant_id = ?", "m").Update("since", 0).Error)
		_, _, err := s.ForgetBefore(t.Context(), noon.Add(-time.Hour), 10)
		require.NoError(t, err)
		who, _, err := s.Trace(t.Context(), "m", "s1")
		require.NoError(t, err)
		require.Equal(t, courier, who)
	})
}
