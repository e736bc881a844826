package freightinsurance

import (
	"cmp"
	"context"
	"strings"
	"time"

	"aftercare.dev/services/logistics/domain"
)

// place is an address in the insurer's words.
type place struct {
	Province string `json:"province"`
	City     string `json:"city"`
	County   string `json:"county"`
	Address  string `json:"address"`
}

// placeOf fills the county, which the insurer demands, with the city where a city has no districts.
func placeOf(c domain.Contact) place {
	return place{Province: c.Province, City: c.City, County: cmp.Or(c.District, c.City), Address: c.Street}
}

type createRequest struct {
	OpenID        string  `json:"openid"`
	OrderNo       string  `json:"order_no"`
	PayTime       int64   `json:"pay_time"`
	PayAmount     int64   `json:"pay_amount"`
	DeliveryNo    string  `json:"delivery_no"`
	DeliveryPlace place   `json:"delivery_place"`
	ReceiptPlace  place   `json:"receipt_place"`
	ProductInfo   product `json:"product_info"`
}

type product struct {
	OrderPath string  `json:"order_path"`
	GoodsList []goods `json:"goods_list"`
}

type goods struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type createAnswer struct {
	PolicyNo       string `json:"policy_no"`
	InsuranceEnd   string `json:"insurance_end_date"`
	EstimateAmount int64  `json:"estimate_amount"`
	Premium        int64  `json:"premium"`
}

// Insure takes a policy for the payment. A payment is insured once: before it is repeated after an
// unknown outcome, ask [Client.Find].
func (c *Client) Insure(ctx context.Context, i domain.Insurance) (domain.Cover, error) {
	request := createRequest{
		OpenID:        i.BuyerReference,
		OrderNo:       i.PaymentReference,
		PayTime:       i.PaidAt.Unix(),
		PayAmount:     i.PaidFen,
		DeliveryNo:    i.TrackingNumber,
		DeliveryPlace: placeOf(i.From),
		ReceiptPlace:  placeOf(i.To),
		ProductInfo:   product{OrderPath: strings.ReplaceAll(c.cfg.OrderPath, "{order_id}", i.OrderID)},
	}
	for _, name := range i.Goods {
		request.ProductInfo.GoodsList = append(request.ProductInfo.GoodsList, goods{Name: name, URL: c.cfg.GoodsImageURL})
	}
	var a createAnswer
	if err := c.post(ctx, "createorder", request, &a); err != nil {
		return domain.Cover{}, err
	}
	return domain.Cover{
		Status:       domain.Covered,
		PolicyNumber: a.PolicyNo,
		EstimateFen:  a.EstimateAmount,
		EndsAt:       parseTime(a.InsuranceEnd),
	}, nil
}

type claimRequest struct {
	OpenID           string `json:"openid"`
	OrderNo          string `json:"order_no"`
	RefundDeliveryNo string `json:"refund_delivery_no"`
	RefundCompany    string `json:"refund_company"`
}

type claimAnswer struct {
	ReportNo string `json:"report_no"`
}

// Claim asks for the payout and returns the insurer's number of the claim. The insurer takes one
// claim for a payment: that there is one already is an error of trouble [domain.Duplicate].
func (c *Client) Claim(ctx context.Context, buyerReference, paymentReference, carrier, trackingNumber string) (string, error) {
	var a claimAnswer
	err := c.post(ctx, "claim", claimRequest{
		OpenID:           buyerReference,
		OrderNo:          paymentReference,
		RefundDeliveryNo: trackingNumber,
		RefundCompany:    carrier,
	}, &a)
	return a.ReportNo, err
}

type listRequest struct {
	OrderNo string `json:"order_no"`
	Offset  int    `json:"offset"`
	Limit   int    `json:"limit"`
}

type listAnswer struct {
	List []listed `json:"list"`
}

type listed struct {
	OrderNo          string `json:"order_no"`
	PolicyNo         string `json:"policy_no"`
	ReportNo         string `json:"report_no"`
	RefundDeliveryNo string `json:"refund_delivery_no"`
	EstimateAmount   int64  `json:"estimate_amount"`
	Status           int    `json:"status"`
	InsuranceEnd     string `json:"insurance_end_date"`
	PayFinishTime    int64  `json:"pay_finish_time"`
}

// Find tells how the policy of a payment and the claim on it stand. A payment that is not insured
// gives [domain.NotCovered] and no error.
func (c *Client) Find(ctx context.Context, paymentReference string) (domain.Cover, error) {
	var a listAnswer
	if err := c.post(ctx, "getorderlist", listRequest{OrderNo: paymentReference, Limit: 10}, &a); err != nil {
		return domain.Cover{}, err
	}
	for _, l := range a.List {
		if l.OrderNo == paymentReference {
			return l.cover(), nil
		}
	}
	return domain.Cover{Status: domain.NotCovered}, nil
}

func (l listed) cover() domain.Cover {
	c := domain.Cover{
		Status:       coverStatus(l.Status),
		PolicyNumber: l.PolicyNo,
		ClaimNumber:  l.ReportNo,
		EstimateFen:  l.EstimateAmount,
		EndsAt:       parseTime(l.InsuranceEnd),
	}
	if l.PayFinishTime > 0 {
		c.PaidAt = time.Unix(l.PayFinishTime, 0).UTC()
	}
	return c
}

// coverStatus translates 保单状态.
func coverStatus(status int) domain.CoverStatus {
	switch status {
	case 2:
		return domain.Covered
	case 4:
		return domain.Claiming
	case 5:
		return domain.PaidOut
	case 6:
		return domain.PayoutFailed
	case 7:
		return domain.Expired
	}
	return domain.CoverUnknown
}

// parseTime reads a date or a time of the insurer, which is China time; zero if it is none.
func parseTime(value string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, value, domain.China); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
