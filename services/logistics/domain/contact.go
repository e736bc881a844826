package domain

import "strings"

// Contact is a person at an address: personal data. It prints as nothing, so that it cannot end in
// a log by accident.
type Contact struct {
	Name, Phone                      string
	Province, City, District, Street string
}

// Missing names the first field that a carrier needs and that is empty, in the words of the
// contract, or is empty itself.
func (c Contact) Missing() string {
	for _, field := range []struct{ name, value string }{
		{"name", c.Name},
		{"phone", c.Phone},
		{"province", c.Province},
		{"city", c.City},
		{"street", c.Street},
	} {
		if strings.TrimSpace(field.value) == "" {
			return field.name
		}
	}
	return ""
}

// Address is the address in one line, largest part first.
func (c Contact) Address() string { return c.Province + c.City + c.District + c.Street }

// String hides the contact.
func (c Contact) String() string { return "contact(hidden)" }

// GoString hides the contact.
func (c Contact) GoString() string { return c.String() }

// Buyer is who bought an order: personal data.
type Buyer struct {
	Contact Contact
	// Reference is the buyer at the payment provider and the insurer (openid).
	Reference string
}

// Order is what logistics needs to know of an order.
type Order struct {
	// Goods are names to show to the buyer.
	Goods []string
	// Deliveries are the tracking numbers under which the goods went out.
	Deliveries []string
}
