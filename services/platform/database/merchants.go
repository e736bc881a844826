package database

import "context"

type acrossMerchants struct{}

// AcrossMerchants marks the statements that are made with the context as meant for the rows of all merchants, such as those
// of a dispatcher or a metric. It changes nothing in the database: the tests of every store refuse a statement on a
// merchant's table that neither has the merchant in its predicate nor this mark, so that each exception is seen where it is made.
func AcrossMerchants(ctx context.Context) context.Context {
	return context.WithValue(ctx, acrossMerchants{}, true)
}

// IsAcrossMerchants tells whether the context has the mark of [AcrossMerchants].
func IsAcrossMerchants(ctx context.Context) bool {
	marked, _ := ctx.Value(acrossMerchants{}).(bool)
	return marked
}
