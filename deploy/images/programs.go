// Package images builds the product's programs and puts each into a container image of its own, without a container
// engine: the image is one static binary, its bill of materials and an empty directory for data.
package images

import "strings"

// Program is one program with an image of its own.
type Program struct {
	// Name is what the binary, the image and the entry point are called.
	Name string
	// Module is the directory of its module, and Package its main package in there.
	Module, Package string
	// Does says in a few words what it is for.
	Does string
}

// Programs lists all of them. A new program is a new line.
func Programs() []Program {
	return []Program{
		{"order", "services", "./order/cmd/order", "orders and the units that are being returned"},
		{"logistics", "services", "./logistics/cmd/logistics", "parcels, couriers and freight insurance"},
		{"payment", "services", "./payment/cmd/payment", "refunds through payment providers"},
		{"cases", "services", "./cases/cmd/cases", "cases, their timeline and evidence"},
		{"notification", "services", "./notification/cmd/notification", "inbox, e-mail and webhooks"},
		{"gateway", "gateway", "./cmd/gateway", "the public API"},
		{"codec", "gateway", "./cmd/codec", "decrypts payloads for the Temporal UI"},
		{"worker", "workflows", "./cmd/worker", "workflows and activities"},
		{"sandbox", "deploy", "./cmd/sandbox", "the outside world for trying out"},
		{"shoppers", "deploy", "./cmd/shoppers", "customers for trying out"},
	}
}

// Named returns the programs of a list with commas between, or all of them if it is empty, and the names that are none.
func Named(list string) (found []Program, unknown []string) {
	if list == "" {
		return Programs(), nil
	}
	byName := map[string]Program{}
	for _, p := range Programs() {
		byName[p.Name] = p
	}
	for name := range strings.SplitSeq(list, ",") {
		if p, ok := byName[strings.TrimSpace(name)]; ok {
			found = append(found, p)
		} else {
			unknown = append(unknown, name)
		}
	}
	return found, unknown
}
