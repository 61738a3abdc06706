// SPDX-License-Identifier: GPL-3.0-or-later
// Prints what OpenTelemetry's detector for Azure VMs finds out, as JSON.
import { azureVmDetector } from '@opentelemetry/resource-detector-azure';
import { detectResources } from '@opentelemetry/resources';

const resource = detectResources({ detectors: [azureVmDetector] });
await resource.waitForAsyncAttributes?.();
console.log(JSON.stringify(resource.attributes));
