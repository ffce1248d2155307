from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from vocafuse import Client, AccessToken, RequestValidator
import os

client = Client(
    api_key=os.environ['VOCAFUSE_API_KEY'],
    api_secret=os.environ['VOCAFUSE_API_SECRET']
)

def generate_token(request):
    user_id = request.user.id

    token = AccessToken(
        api_key=os.environ['VOCAFUSE_API_KEY'],
        api_secret=os.environ['VOCAFUSE_API_SECRET'],
        identity=str(user_id)
    )

    return JsonResponse(token(expires_in=3600))

@csrf_exempt
def handle_webhook(request):
    validator = RequestValidator(os.environ['VOCAFUSE_WEBHOOK_SECRET'])

    payload = request.body.decode('utf-8')
    signature = request.headers.get('X-VocaFuse-Signature')

    if not validator.validate(payload, signature):
        return JsonResponse({'error': 'Invalid signature'}, status=401)

    data = json.loads(payload)
    # Process webhook...

    return JsonResponse({'status': 'received'})
