package domain

// Order is what the order service knows to be paid, as far as refunds care.
type Order struct {
	Version  int64
	Currency string
	// Lines are what was paid for each line, and for the freight as [FreightLine].
	Lines    []LineAmount
	Payments []Payment
}

// Payment is money that a provider took from the buyer.
type Payment struct {
	PaymentID string
	Provider  string
	// Reference names the payment at the provider.
	Reference string
	// Amount in minor units.
	Amount int64
}
