#include "server/rpc_table.h"

#include "api/analytics/v1/analytics.pb-c.h"
#include "api/analytics/v1/admin.pb-c.h"
#include "google/protobuf/empty.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "server/admin/admin.h"
#include "server/dapr/dapr.h"
#include "server/health.h"
#include "server/ingest/publish.h"
#include "server/ingest/stream_events.h"
#include "server/query/query.h"
#include "server/reflection.h"

enum { HEALTH_MS = 2000, PUBLISH_MS = 30000, RETRY_MS = 60000, ERASE_MS = 600000 };

#define ANYONE false
#define LOCAL_ONLY true
#define ANALYTICS "/api.analytics.v1.AnalyticsService/"
#define DAPR "/dapr.proto.runtime.v1."
#define EMPTY &google__protobuf__empty__descriptor
#define ADMIN "/api.analytics.v1.AdminService/"
#define ANALYTICS_HTTP "/api/v1/analytics/"

const struct rpc rpcs[] = {
	/* events in */
	{ "/api.analytics.v1.EventIngestService/PublishEvents", NULL, publish_events, NULL, PUBLISH_MS, NULL, ANYONE },
	{ "/api.analytics.v1.EventIngestService/StreamEvents", NULL, NULL, &stream_events, 0, NULL, ANYONE },

	{ DAPR "AppCallback/ListTopicSubscriptions", EMPTY, dapr_list_subscriptions, NULL, HEALTH_MS, NULL, ANYONE },
	{ DAPR "AppCallback/OnTopicEvent", NULL, dapr_on_topic_event, NULL, PUBLISH_MS, NULL, ANYONE },
	{ DAPR "AppCallback/OnBulkTopicEvent", NULL, dapr_on_bulk_topic_event, NULL, PUBLISH_MS, NULL, ANYONE },
	{ DAPR "AppCallbackAlpha/OnBulkTopicEventAlpha1", NULL, dapr_on_bulk_topic_event, NULL, PUBLISH_MS, NULL,
	  ANYONE },
	{ DAPR "AppCallbackHealthCheck/HealthCheck", EMPTY, dapr_health_check, NULL, HEALTH_MS, NULL, ANYONE },

	/* answers */
	{ ANALYTICS "GetDashboardOverview", &api__analytics__v1__get_dashboard_overview_request__descriptor,
	  query_overview, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "dashboard/overview", ANYONE },
	{ ANALYTICS "GetRealTimeMetrics", &api__analytics__v1__get_real_time_metrics_request__descriptor,
	  query_realtime, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "realtime", ANYONE },
	{ ANALYTICS "StreamRealTimeMetrics", &api__analytics__v1__stream_real_time_metrics_request__descriptor,
	  NULL, &query_realtime_stream, 0, ANALYTICS_HTTP "realtime/stream", ANYONE },
	{ ANALYTICS "GetRevenueAnalytics", &api__analytics__v1__get_revenue_analytics_request__descriptor,
	  query_revenue, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "revenue", ANYONE },
	{ ANALYTICS "GetOrderAnalytics", &api__analytics__v1__get_order_analytics_request__descriptor,
	  query_orders, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "orders", ANYONE },
	{ ANALYTICS "GetProductPerformance", &api__analytics__v1__get_product_performance_request__descriptor,
	  query_products, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "products/performance", ANYONE },
	{ ANALYTICS "GetConversionFunnel", &api__analytics__v1__get_conversion_funnel_request__descriptor,
	  query_funnel, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "funnel", ANYONE },
	{ ANALYTICS "GetReturnAnalytics", &api__analytics__v1__get_return_analytics_request__descriptor,
	  query_returns, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "returns", ANYONE },
	{ ANALYTICS "GetShippingAnalytics", &api__analytics__v1__get_shipping_analytics_request__descriptor,
	  query_shipping, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "shipping", ANYONE },
	{ ANALYTICS "GetFulfillmentAnalytics", &api__analytics__v1__get_fulfillment_analytics_request__descriptor,
	  query_fulfillment, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "fulfillment", ANYONE },
	{ ANALYTICS "GetPaymentAnalytics", &api__analytics__v1__get_payment_analytics_request__descriptor,
	  query_payments, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "payments", ANYONE },
	{ ANALYTICS "GetMarketingAnalytics", &api__analytics__v1__get_marketing_analytics_request__descriptor,
	  query_marketing, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "marketing", ANYONE },
	{ ANALYTICS "GetInventoryAnalytics", &api__analytics__v1__get_inventory_analytics_request__descriptor,
	  query_inventory, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "inventory", ANYONE },
	{ ANALYTICS "GetCustomerAnalyticsSummary", &api__analytics__v1__get_customer_analytics_summary_request__descriptor,
	  query_customers, NULL, RPC_QUERY_MS, ANALYTICS_HTTP "customers/summary", ANYONE },

	/* for operators */
	{ ADMIN "ListDeadLetters", &api__analytics__v1__list_dead_letters_request__descriptor,
	  admin_list_dead_letters, NULL, RPC_QUERY_MS, NULL, LOCAL_ONLY },
	{ ADMIN "RetryDeadLetters", &api__analytics__v1__retry_dead_letters_request__descriptor,
	  admin_retry_dead_letters, NULL, RETRY_MS, NULL, LOCAL_ONLY },
	{ ADMIN "DiscardDeadLetters", &api__analytics__v1__discard_dead_letters_request__descriptor,
	  admin_discard_dead_letters, NULL, RPC_QUERY_MS, NULL, LOCAL_ONLY },
	{ ADMIN "ListSchemas", &api__analytics__v1__list_schemas_request__descriptor, admin_list_schemas, NULL,
	  RPC_QUERY_MS, NULL, LOCAL_ONLY },
	{ ADMIN "RegisterSchema", &api__analytics__v1__register_schema_request__descriptor, admin_register_schema, NULL,
	  RPC_QUERY_MS, NULL, LOCAL_ONLY },

	{ ADMIN "GetStorageCost", &api__analytics__v1__get_storage_cost_request__descriptor, admin_get_storage_cost, NULL,
	  RPC_QUERY_MS, NULL, LOCAL_ONLY },
	{ ADMIN "GetServiceState", &api__analytics__v1__get_service_state_request__descriptor, admin_get_service_state,
	  NULL, HEALTH_MS, NULL, LOCAL_ONLY },
	{ ADMIN "ListJobs", &api__analytics__v1__list_jobs_request__descriptor, admin_list_jobs, NULL, RPC_QUERY_MS, NULL,
	  LOCAL_ONLY },
	{ ADMIN "RunJob", &api__analytics__v1__run_job_request__descriptor, admin_run_job, NULL, RETRY_MS, NULL,
	  LOCAL_ONLY },
	{ ADMIN "ListReconciliationReports", &api__analytics__v1__list_reconciliation_reports_request__descriptor,
	  admin_list_reconciliation_reports, NULL, RPC_QUERY_MS, NULL, LOCAL_ONLY },
	{ ADMIN "ListAnomalies", &api__analytics__v1__list_anomalies_request__descriptor, admin_list_anomalies, NULL,
	  RPC_QUERY_MS, NULL, LOCAL_ONLY },

	{ ADMIN "ReplayEvents", NULL, NULL, &admin_replay_events, 0, NULL, LOCAL_ONLY },
	{ ADMIN "RunPiiAudit", &api__analytics__v1__run_pii_audit_request__descriptor, admin_run_pii_audit, NULL,
	  ERASE_MS, NULL, LOCAL_ONLY },
	{ ADMIN "EraseCustomer", &api__analytics__v1__erase_customer_request__descriptor, admin_erase_customer, NULL,
	  ERASE_MS, NULL, LOCAL_ONLY },

	/* about the server */
	{ "/grpc.health.v1.Health/Check", &grpc__health__v1__health_check_request__descriptor, health_check,
	  NULL, HEALTH_MS, NULL, ANYONE },
	{ "/grpc.health.v1.Health/Watch", NULL, NULL, &health_watch, 0, NULL, ANYONE },
	{ "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", NULL, NULL, &reflection_stream, 0, NULL,
	  ANYONE },
	{ "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", NULL, NULL, &reflection_stream, 0,
	  NULL, ANYONE },
	{ 0 },
};
